"""Tests of signaling.server: who gets in, what is relayed, and how ends come back; ends speak the bare protocol."""

import asyncio

import aiohttp
import msgpack
import pytest

from signaling.errors import BindError
from signaling.protocol.messages import (
    MAX_BYTES,
    Answer,
    Bye,
    Hello,
    KeyframeRequest,
    Offer,
    PeerJoined,
    PeerLeft,
    Refused,
    Welcome,
    encode,
)
from signaling.server import SignalingServer, listening


async def health(url: str) -> dict[str, object]:
    async with aiohttp.ClientSession() as session, session.get(url.replace("ws:", "http:") + "/health") as response:
        assert response.status == 200
        answer: dict[str, object] = await response.json()
        return answer


async def test_two_ends_hear_of_each_other_and_are_relayed(running, raw_end) -> None:
    sender = await raw_end(running.url, "r", "sender", "a")
    assert await sender.hear() == Welcome(False)
    receiver = await raw_end(running.url, "r", "receiver", "b")
    assert await receiver.hear() == Welcome(True, "a")
    assert await sender.hear() == PeerJoined("receiver", "b")
    await sender.say(Offer("sdp", "c"))
    assert await receiver.hear() == Offer("sdp", "c")
    await receiver.say(Answer("sdp", "c"))
    assert await sender.hear() == Answer("sdp", "c")
    await receiver.say(Bye("", "c"))
    await receiver.socket.close()
    assert await sender.hear() == Bye("", "c")
    assert await sender.hear() == PeerLeft("receiver")


async def test_messages_are_relayed_with_fields_of_later_versions(running, raw_end) -> None:
    sender = await raw_end(running.url, "r", "sender", "a")
    receiver = await raw_end(running.url, "r", "receiver", "b")
    assert await receiver.hear() == Welcome(True, "a")
    data = msgpack.packb({"v": 1, "t": "bye", "colour": "blue"})
    await sender.socket.send_bytes(data)
    assert await receiver.socket.receive_bytes() == data


async def test_rooms_are_apart(running, raw_end) -> None:
    first = await raw_end(running.url, "r1", "sender", "a")
    second = await raw_end(running.url, "r2", "receiver", "b")
    assert await first.hear() == Welcome(False)
    assert await second.hear() == Welcome(False)
    assert await health(running.url) == {"status": "ok", "rooms": 2, "ends": 2}
    third = await raw_end(running.url, "r3", "sender", "c")
    assert (await third.refusal()).reason == "full"


@pytest.mark.parametrize(
    ("token", "answer"), [("", "token"), ("Secret", "token"), ("sécret", "token"), ("secret", None)]
)
async def test_the_token_is_asked_for(start_server, raw_end, token: str, answer: str | None) -> None:
    running = await start_server(token="secret")
    end = await raw_end(running.url, "r", "sender", "a", token=token)
    if answer is None:
        assert await end.hear() == Welcome(False)
    else:
        assert (await end.refusal()).reason == answer


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "message"),
        (b"\x81\xa1v", "message"),
        (encode(Offer("sdp")), "message"),
        (encode(Hello("", "sender", "a")), "name"),
        (encode(Hello("r\n", "sender", "a")), "name"),
        (encode(Hello("r", "sender", "")), "name"),
    ],
)
async def test_only_a_proper_hello_opens(running, raw_end, data: bytes, reason: str) -> None:
    end = await raw_end(running.url)
    await end.socket.send_bytes(data)
    assert (await end.refusal()).reason == reason
    assert await health(running.url) == {"status": "ok", "rooms": 0, "ends": 0}


@pytest.mark.parametrize("data", [b"\xc1", encode(KeyframeRequest()), encode(Hello("r", "sender", "a"))])
async def test_an_end_that_says_anything_else_is_sent_away_at_once(running, raw_end, data: bytes) -> None:
    sender = await raw_end(running.url, "r", "sender", "a")
    assert await sender.hear() == Welcome(False)
    receiver = await raw_end(running.url, "r", "receiver", "b")
    assert await receiver.hear() == Welcome(True, "a")
    await sender.socket.send_bytes(data)
    assert await sender.hear() == PeerJoined("receiver", "b")
    assert (await sender.refusal()).reason == "message"
    assert await receiver.hear() == PeerLeft("sender")


async def test_text_and_oversized_frames_end_the_line(running, raw_end) -> None:
    end = await raw_end(running.url)
    await end.socket.send_str("hello")
    assert (await end.refusal()).reason == "message"
    end = await raw_end(running.url)
    await end.socket.send_bytes(bytes(MAX_BYTES + 1))
    assert await end.closed()


async def test_a_taken_role_is_refused_while_its_holder_lives(running, raw_end) -> None:
    holder = await raw_end(running.url, "r", "sender", "a")
    assert await holder.hear() == Welcome(False)
    second = await raw_end(running.url, "r", "sender", "a2")
    peek = await raw_end(running.url, "r", "receiver", "b")
    assert await peek.hear() == Welcome(True, "a")
    assert await holder.hear() == PeerJoined("receiver", "b")  # reading is what answers the ping
    await holder.say(Offer("sdp"))
    assert await second.refusal() == Refused("taken", "room r has a sender already")
    assert await peek.hear() == Offer("sdp")


async def test_a_dead_holder_is_replaced(start_server, raw_end) -> None:
    running = await start_server(probe_s=0.01)
    dead = await raw_end(running.url, "r", "sender", "a", pongs=False)
    receiver = await raw_end(running.url, "r", "receiver", "b")
    assert await dead.hear() == Welcome(False)
    assert await receiver.hear() == Welcome(True, "a")
    second = await raw_end(running.url, "r", "sender", "a2")
    assert await second.hear() == Welcome(True, "b")
    assert await receiver.hear() == PeerJoined("sender", "a2")


async def test_a_broken_line_is_forgiven_for_a_while(running, raw_end) -> None:
    sender = await raw_end(running.url, "r", "sender", "a")
    receiver = await raw_end(running.url, "r", "receiver", "b")
    assert await receiver.hear() == Welcome(True, "a")
    sender.break_off()
    while (await health(running.url))["ends"] != 1:
        pass
    await receiver.say(Answer("sdp", "c"))
    sender = await raw_end(running.url, "r", "sender", "a")
    assert await sender.hear() == Welcome(True, "b")
    assert await sender.hear() == Answer("sdp", "c")
    await sender.say(Offer("sdp", "d"))
    assert await receiver.hear() == Offer("sdp", "d")  # and nothing before it: nobody left


async def test_an_end_that_stays_away_has_left(running, raw_end) -> None:
    sender = await raw_end(running.url, "r", "sender", "a")
    receiver = await raw_end(running.url, "r", "receiver", "b")
    assert await receiver.hear() == Welcome(True, "a")
    sender.break_off()
    while (await health(running.url))["ends"] != 1:
        pass
    running.clock.now += 3.0
    running.server.sweep()
    assert await receiver.hear() == PeerLeft("sender")


async def test_an_idle_room_expires(running, raw_end) -> None:
    end = await raw_end(running.url, "r", "sender", "a")
    assert await end.hear() == Welcome(False)
    running.clock.now += 3600.0
    running.server.sweep()
    assert (await end.refusal()).reason == "expired"


async def test_a_server_that_stops_says_so_and_nothing_else(raw_end) -> None:
    async with listening(SignalingServer(), host="127.0.0.1", port=0) as url:
        sender = await raw_end(url, "r", "sender", "a")
        assert await sender.hear() == Welcome(False)
        receiver = await raw_end(url, "r", "receiver", "b")
        assert await receiver.hear() == Welcome(True, "a")
        assert await sender.hear() == PeerJoined("receiver", "b")
        ends = asyncio.gather(sender.refusal(), receiver.refusal())
    assert [refused.reason for refused in await ends] == ["closing", "closing"]


async def test_a_port_in_use_is_a_bind_error(running) -> None:
    port = int(running.url.rpartition(":")[2])
    with pytest.raises(BindError, match=f"cannot listen on 127.0.0.1:{port}: .*"):
        async with listening(SignalingServer(), host="127.0.0.1", port=port):
            pass
