"""Two homes and coturn between them, where this machine can have them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from benchmarks.network.link import LinkUnavailable
from benchmarks.network.paths.cases import Case
from benchmarks.network.paths.coturn import PORT, TLS_PORT, Coturn, coturn_version
from benchmarks.network.paths.internet import Internet

# One socket asks the server at two of its ports how it is seen from there; prints the two ports it is seen at.
SEEN = f"""
import asyncio
from aioice import stun
from aioice.ice import Connection, StunProtocol
async def main():
    connection = Connection(ice_controlling=True)
    loop = asyncio.get_running_loop()
    _, line = await loop.create_datagram_endpoint(lambda: StunProtocol(connection), local_addr=("0.0.0.0", 40000))
    for port in ({PORT}, {TLS_PORT}):
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        answer, _ = await line.request(request, ("10.78.0.1", port))
        print(answer.attributes["XOR-MAPPED-ADDRESS"][1])
asyncio.run(main())
"""
TROUBLE = """
import asyncio, sys
from signaling.transport.diagnosis import trouble_of
from signaling.transport.peer import ice_configuration
print(asyncio.run(trouble_of(ice_configuration(turn=[sys.argv[1]]).iceServers[0])))
"""


@contextmanager
def homes(folder: Path, case: Case) -> Iterator[tuple[Internet, Coturn]]:
    with ExitStack() as stack:
        try:
            coturn_version()
            internet = stack.enter_context(Internet(folder, case))
            coturn = stack.enter_context(Coturn(folder, internet.server, prefix=internet.prefix("internet")))
        except LinkUnavailable as reason:
            pytest.skip(str(reason))
        yield internet, coturn


def python(internet: Internet, home: str, *words: str, certificate: Path) -> list[str]:
    command = [*internet.prefix(home), "env", f"SSL_CERT_FILE={certificate}", sys.executable, "-c", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split("\n")[:-1]


@pytest.mark.parametrize(("nat", "ports"), [("cone", 1), ("symmetric", 2)])
def test_a_router_gives_one_port_or_one_for_each_address(tmp_path: Path, nat: str, ports: int) -> None:
    with homes(tmp_path, Case(nat=nat, stun=True)) as (internet, coturn):  # type: ignore[arg-type]
        seen = python(internet, "sender", SEEN, certificate=coturn.certificate)
        assert len(seen) == 2
        assert len(set(seen)) == ports


def test_a_login_by_secret_opens_the_server_over_each_transport_and_an_old_one_does_not(tmp_path: Path) -> None:
    with homes(tmp_path, Case(nat="symmetric", turn="udp")) as (internet, coturn):
        for transport in ("udp", "tcp", "tls"):
            url = coturn.url(transport, host=internet.url_host, old=False)
            assert python(internet, "receiver", TROUBLE, url, certificate=coturn.certificate) == [""]
        old = coturn.url("udp", host=internet.url_host, old=True)
        (told,) = python(internet, "receiver", TROUBLE, old, certificate=coturn.certificate)
        assert told == f"the TURN server at 10.78.0.1:{PORT} refuses the user or the password"


def test_without_nftables_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(LinkUnavailable, match="no nft"), Internet(tmp_path, Case(nat="cone")):
        pass
    with pytest.raises(LinkUnavailable, match="coturn"):
        coturn_version()
