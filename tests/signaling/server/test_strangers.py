"""Tests of signaling.server against strangers: silent, deaf, talkative, and after somebody else's seat or token."""

import asyncio
from typing import Any

import aiohttp
import pytest

from signaling.protocol.messages import (
    Bye,
    Candidate,
    Hello,
    Offer,
    PeerJoined,
    PeerLeft,
    Refused,
    Welcome,
    decode,
    encode,
)
from signaling.server import SignalingServer
from signaling.server.quotas import Allowance
from signaling.server.rooms import RoomLimits


async def health(url: str) -> dict[str, int]:
    async with aiohttp.ClientSession() as session, session.get(url.replace("ws:", "http:") + "/health") as response:
        answer: dict[str, int] = await response.json()
        return answer


# Messages


async def fill(server: SignalingServer, talker: Any) -> None:
    """Talks to an end that does not read until the network has taken what it takes, and more waits behind it.

    Each message is followed by a ping and its pong, so that none is on its way when the next one goes.
    """
    while not any(line.queued_bytes > 400_000 for line in server.lines):
        assert len(server.lines) == 2
        await talker.say(Offer("x" * 50_000))
        await talker.socket.ping()
        assert (await talker.socket.receive()).type is aiohttp.WSMsgType.PONG


async def test_an_end_that_never_reads_is_cut_and_keeps_nobody_waiting(running, raw_end) -> None:
    deaf = await raw_end(running.url, "r", "receiver", "b")
    talker = await raw_end(running.url, "r", "sender", "a")
    assert await talker.hear() == Welcome(True, "b")
    while (await health(running.url))["ends"] == 2:
        await talker.say(Offer("x" * 50_000))
    await talker.say(Bye())
    running.clock.now += 3.0
    running.server.sweep()
    assert await talker.hear() == PeerLeft("receiver")
    deaf.break_off()


async def test_the_sweep_and_the_end_of_the_server_do_not_wait_for_an_end_that_never_reads(
    start_server, raw_end
) -> None:
    running = await start_server(close_s=0.05)
    deaf = await raw_end(running.url, "r", "receiver", "b")
    talker = await raw_end(running.url, "r", "sender", "a", pongs=False)
    assert await talker.hear() == Welcome(True, "b")
    await fill(running.server, talker)
    talker.break_off()
    other = await raw_end(running.url, "q", "sender", "c")
    assert await other.hear() == Welcome(False)
    while (await health(running.url))["ends"] != 2:
        pass
    running.clock.now += 3600.0
    running.server.sweep()
    assert (await other.refusal()).reason == "expired"
    await start_server.stack.aclose()
    deaf.break_off()


async def test_an_end_that_is_sent_away_and_does_not_take_it_is_cut(start_server, raw_end) -> None:
    running = await start_server(close_s=0.05)
    deaf = await raw_end(running.url, "r", "receiver", "b")
    talker = await raw_end(running.url, "r", "sender", "a", pongs=False)
    assert await talker.hear() == Welcome(True, "b")
    await fill(running.server, talker)
    await deaf.socket.send_bytes(b"no message")
    assert await talker.hear() == PeerLeft("receiver")
    while len(running.server.door) > 1:
        running.server.sweep()
        await asyncio.sleep(0)  # one turn of the event loop
    deaf.break_off()


async def test_an_end_that_says_much_is_read_later_and_loses_nothing(start_server, raw_end) -> None:
    running = await start_server(line_messages=Allowance(at_once=8, per_s=1))
    sender = await raw_end(running.url, "r", "sender", "a")
    receiver = await raw_end(running.url, "r", "receiver", "b")
    assert await receiver.hear() == Welcome(True, "a")
    for number in range(20):
        await sender.say(Candidate(str(number)))
    assert [await receiver.hear() for _ in range(20)] == [Candidate(str(number)) for number in range(20)]
    assert 11.0 <= running.clock.slept_s <= 14.0  # 8 of 21 at once, then one a second


async def test_an_end_that_pings_without_end_is_slowed_down_too(start_server, raw_end) -> None:
    running = await start_server(line_messages=Allowance(at_once=8, per_s=1))
    end = await raw_end(running.url, "r", "sender", "a")
    assert await end.hear() == Welcome(False)
    for _ in range(20):
        await end.socket.ping()
    await end.socket.send_str("text is refused")
    assert (await end.refusal()).reason == "message"
    assert running.clock.slept_s >= 11.0


async def test_the_ends_of_one_address_say_so_much_together(start_server, raw_end) -> None:
    running = await start_server(address_messages=Allowance(at_once=4, per_s=1))
    for number in range(8):
        end = await raw_end(running.url, "r", "sender", "a")
        assert isinstance(await end.hear(), Welcome)
        assert running.clock.slept_s == pytest.approx(max(0.0, (number - 3.0)))


async def test_one_address_is_in_so_many_rooms(start_server, raw_end) -> None:
    running = await start_server(limits=RoomLimits(rooms_per_address=2))
    ends = [await raw_end(running.url, name, "sender", "a") for name in ("r1", "r2", "r3")]
    assert await ends[0].hear() == await ends[1].hear() == Welcome(False)
    assert await ends[2].refusal() == Refused("full", "ends from this address are in 2 rooms already")


# Seats


@pytest.mark.parametrize("secret", ["", "a guess", "of a "])
async def test_a_seat_is_not_had_by_the_name_of_its_holder(running, raw_end, secret: str) -> None:
    holder = await raw_end(running.url, "r", "sender", "a")
    assert await holder.hear() == Welcome(False)
    peer = await raw_end(running.url, "r", "receiver", "b")
    assert await peer.hear() == Welcome(True, "a")  # so the name is known
    assert await holder.hear() == PeerJoined("receiver", "b")
    thief = await raw_end(running.url, "r", "sender", "a", secret=secret)
    assert await thief.refusal() == Refused("taken", "that is the name of another end")
    await peer.say(Bye("still you"))
    assert await holder.hear() == Bye("still you")


async def test_nor_is_that_of_a_holder_who_is_away(running, raw_end) -> None:
    holder = await raw_end(running.url, "r", "sender", "a")
    peer = await raw_end(running.url, "r", "receiver", "b")
    assert await peer.hear() == Welcome(True, "a")
    holder.break_off()
    while (await health(running.url))["ends"] != 1:
        pass
    await peer.say(Bye("for a alone"))
    thief = await raw_end(running.url, "r", "sender", "a", secret="a guess")
    assert (await thief.refusal()).reason == "taken"
    back = await raw_end(running.url, "r", "sender", "a")
    assert await back.hear() == Welcome(True, "b")
    assert await back.hear() == Bye("for a alone")


async def test_an_end_without_a_secret_comes_back_when_its_line_is_known_to_be_gone(running, raw_end) -> None:
    """Ends of before there were secrets."""
    old = await raw_end(running.url, "r", "sender", "a", secret="")
    peer = await raw_end(running.url, "r", "receiver", "b")
    assert await peer.hear() == Welcome(True, "a")
    old.break_off()
    while (await health(running.url))["ends"] != 1:
        pass
    back = await raw_end(running.url, "r", "sender", "a", secret="")
    assert await back.hear() == Welcome(True, "b")


async def test_no_secret_and_no_token_is_relayed(start_server, raw_end) -> None:
    running = await start_server(token="the token")
    first = await raw_end(running.url, "r", "sender", "a", token="the token", secret="the secret")
    peer = await raw_end(running.url, "r", "receiver", "b", token="the token", secret="another secret")
    heard = [await peer.socket.receive_bytes(), await first.socket.receive_bytes(), await first.socket.receive_bytes()]
    assert [type(decode(data)) for data in heard] == [Welcome, Welcome, PeerJoined]
    assert not any(b"secret" in data or b"the token" in data for data in heard)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://good.example.evil.example"])
async def test_a_web_page_may_not_connect_unless_it_is_named(start_server, raw_end, origin: str) -> None:
    running = await start_server(origins=frozenset({"https://good.example"}))
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await raw_end(running.url, "r", "sender", "a", origin=origin)
    end = await raw_end(running.url, "r", "sender", "a", origin="https://good.example")
    assert await end.hear() == Welcome(False)


# Tokens


async def test_wrong_tokens_close_the_door_for_a_while_to_all_but_those_who_return(start_server, raw_end) -> None:
    running = await start_server(token="right")
    inside = await raw_end(running.url, "r", "sender", "a", token="right")
    assert await inside.hear() == Welcome(False)
    for _ in range(6):
        guess = await raw_end(running.url, "r", "receiver", "x", token="wrong")
        assert (await guess.refusal()).reason == "token"
    for token in ("wrong", "right"):  # the answer says nothing of the token
        guess = await raw_end(running.url, "r", "receiver", "x", token=token)
        assert await guess.refusal() == Refused("busy", "too many wrong tokens from this address; try again in 1 s")
    again = await raw_end(running.url, "r", "sender", "a", token="right")
    assert await again.hear() == Welcome(False)
    running.clock.now += 1.0
    honest = await raw_end(running.url, "r", "receiver", "b", token="right")
    assert await honest.hear() == Welcome(True, "a")


async def test_wrong_tokens_from_elsewhere_close_nothing_here(start_server, raw_end) -> None:
    running = await start_server(token="right")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))) as session:
        for _ in range(8):
            async with session.ws_connect(running.url) as guess:
                await guess.send_bytes(encode(Hello("r", "sender", "x", "wrong")))
                assert isinstance(decode(await guess.receive_bytes()), Refused)
    end = await raw_end(running.url, "r", "sender", "a", token="right")
    assert await end.hear() == Welcome(False)
