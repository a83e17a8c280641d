"""Why two ends found no way to each other, in words."""

import asyncio
import ssl
from typing import Any

import pytest
from aioice import stun
from aiortc import RTCIceServer

from signaling.transport import diagnosis
from signaling.transport.diagnosis import trouble_of, why_no_way
from signaling.transport.peer import ice_configuration


def server(url: str = "turn:u:p@10.0.0.1:3478") -> RTCIceServer:
    servers = ice_configuration(turn=[url]).iceServers
    assert servers is not None
    return servers[0]


def refusal(code: int) -> stun.TransactionFailed:
    message = stun.Message(message_method=stun.Method.ALLOCATE, message_class=stun.Class.ERROR)
    message.attributes["ERROR-CODE"] = (code, "Unauthorized")
    return stun.TransactionFailed(message)


def distrust() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (refusal(401), "refuses the user or the password"),
        (refusal(486), "no more addresses"),
        (refusal(508), "refuses: "),
        (distrust(), "certificate that is not trusted: self-signed certificate"),
        (ConnectionRefusedError(111, "refused"), "does not answer over UDP"),
        (stun.TransactionTimeout(), "does not answer over UDP"),
    ],
)
async def test_what_a_turn_server_says_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    async def fails(*arguments: Any, **more: Any) -> Any:
        raise error

    monkeypatch.setattr(diagnosis, "create_turn_endpoint", fails)
    said = await why_no_way([server()])
    assert said.startswith("the TURN server at 10.0.0.1:3478 ")
    assert words in said
    assert "p@" not in said


async def test_a_turn_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*arguments: Any, **more: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(diagnosis, "create_turn_endpoint", never)
    monkeypatch.setattr(diagnosis, "_PATIENCE_S", 0.01)
    assert "does not answer" in await trouble_of(server())


async def test_a_turn_server_that_works_is_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class Endpoint:
        closed = False

        def close(self) -> None:
            self.closed = True

    endpoint = Endpoint()

    async def works(*arguments: Any, **more: Any) -> Any:
        asked.update(more)
        return endpoint, None

    monkeypatch.setattr(diagnosis, "create_turn_endpoint", works)
    assert await trouble_of(server("turns:u:p%40x@[2001:db8::1]")) == ""
    assert asked["server_addr"] == ("2001:db8::1", 5349)
    assert (asked["username"], asked["password"], asked["transport"], asked["ssl"]) == ("u", "p@x", "tcp", True)
    assert endpoint.closed
    assert "the other end" in await why_no_way([server()])


async def test_without_a_turn_server_symmetric_nat_is_named() -> None:
    said = await why_no_way([])
    assert "symmetric" in said
    assert "--turn" in said
