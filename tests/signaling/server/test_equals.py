"""Tests of signaling.server with equals in a room: each hears of all others and talks to each; ends speak bare."""

import asyncio
from typing import Any

import aiohttp
import pytest

from signaling.protocol.messages import (
    Answer,
    Bye,
    Candidate,
    Hello,
    Message,
    Offer,
    PeerJoined,
    PeerLeft,
    Refused,
    Welcome,
    decode,
)


class Ear:
    """An end that reads all the time, and so answers the server's pings."""

    def __init__(self, raw: Any) -> None:
        self.raw, self.say = raw, raw.say
        self._heard: asyncio.Queue[Message] = asyncio.Queue()
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while (frame := await self.raw.socket.receive()).type is aiohttp.WSMsgType.BINARY:
            self._heard.put_nowait(decode(frame.data))

    async def hear(self) -> Message:
        return await self._heard.get()

    async def refusal(self) -> Refused:
        """The server's last word; the line is closed behind it."""
        refused = await self.hear()
        assert isinstance(refused, Refused)
        await self.reading
        return refused

    async def leave(self) -> None:
        self.reading.cancel()
        await asyncio.wait([self.reading])
        await self.raw.socket.close()

    async def break_off(self) -> None:
        self.raw.break_off()
        await self.reading


@pytest.fixture
async def enter(running, raw_end):
    """Lets an end in, by its role and name; an equal with how many others it takes."""
    ears: list[Ear] = []

    async def entered(role: str, name: str, others: int = 1) -> Ear:
        ears.append(Ear(await raw_end(running.url)))
        await ears[-1].say(Hello("r", role, name, secret=f"of {name}", viewers=others))
        return ears[-1]

    yield entered
    for ear in ears:
        await ear.leave()


@pytest.fixture
def equal(enter):
    """Lets an equal in."""

    async def entered(name: str, *, others: int = 3) -> Ear:
        return await enter("equal", name, others)

    return entered


async def test_each_hears_of_all_the_others_and_talks_to_each(equal) -> None:
    a, b = await equal("a"), await equal("b")
    assert await a.hear() == Welcome(False, viewers=3)
    assert await a.hear() == PeerJoined("equal", "b")
    assert await b.hear() == Welcome(True, "a", 3, ("a",))
    c = await equal("c")
    assert await c.hear() == Welcome(True, "a", 3, ("a", "b"))
    assert await a.hear() == await b.hear() == PeerJoined("equal", "c")
    await a.say(Offer("to b", "1", to="b", by="a"))
    await c.say(Bye("to nobody in particular", "2", by="c"))
    await c.say(Candidate("", call="3", to="b", by="c"))
    await b.say(Answer("to c", "4", to="c", by="b"))
    assert await b.hear() == Offer("to b", "1", to="b", by="a")
    assert await b.hear() == Candidate("", call="3", to="b", by="c")
    assert await c.hear() == Answer("to c", "4", to="c", by="b")
    await b.leave()
    assert await a.hear() == await c.hear() == PeerLeft("equal", "b")


async def test_a_full_room_says_so_until_somebody_leaves(equal) -> None:
    ends = [await equal(name) for name in "abcd"]
    for end in ends:
        await end.hear()
    refused = await (await equal("e")).refusal()
    assert (refused.reason, refused.detail) == ("full", "room r is full: it takes 4 ends, and all of them are there")
    await ends[0].leave()
    for name in "cd":
        assert await ends[1].hear() == PeerJoined("equal", name)
    assert await ends[1].hear() == PeerLeft("equal", "a")
    assert await (await equal("e")).hear() == Welcome(True, "b", 3, ("b", "c", "d"))


@pytest.mark.parametrize(("first", "second", "third"), [(1, 3, 3), (3, 1, 3), (3, 3, 1)])
async def test_the_least_that_one_of_them_takes_counts_for_all(equal, first: int, second: int, third: int) -> None:
    a, b = await equal("a", others=first), await equal("b", others=second)
    await a.hear()
    assert await b.hear() == Welcome(True, "a", min(first, second), ("a",))
    refused = await (await equal("c", others=third)).refusal()
    assert refused.reason == "full"
    assert "room r is full" in refused.detail


@pytest.mark.parametrize("by", ["", "b"])
async def test_nobody_speaks_under_another_name(equal, by: str) -> None:
    a, _ = await equal("a"), await equal("b")
    await a.hear()
    await a.hear()
    await a.say(Bye("x", "1", to="b", by=by))
    assert (await a.refusal()).detail == "by is not the name of this end"


@pytest.mark.parametrize(("older", "hears"), [("sender", "receiver"), ("receiver", "sender")])
async def test_an_older_end_and_one_equal_are_a_room_of_two(enter, equal, older, hears) -> None:
    a = await equal("a")
    assert await a.hear() == Welcome(False, viewers=3)
    old = await enter(older, "o")
    assert await old.hear() == Welcome(True, "a")
    assert await a.hear() == PeerJoined(older, "o")
    await a.say(Offer("sdp", "1", to="o", by="a"))
    assert await old.hear() == Offer("sdp", "1", to="o", by="a")
    await old.say(Answer("sdp", "1"))
    assert await a.hear() == Answer("sdp", "1")
    refused = await (await equal("b")).refusal()
    assert refused.detail.startswith("room r is full: a call of several and an end that calls one other alone")
    await a.leave()
    assert await old.hear() == PeerLeft(hears)
    b = await equal("b")
    assert await b.hear() == Welcome(True, "o", 3, ("o",), older)
    assert await old.hear() == PeerJoined(hears, "b")


async def test_a_sender_of_several_has_one_beside_an_equal(enter, equal) -> None:
    a = await equal("a")
    await a.hear()
    sender = await enter("sender", "s", 8)
    assert await sender.hear() == Welcome(True, "a")
    assert await a.hear() == PeerJoined("sender", "s")
    refused = await (await enter("receiver", "x")).refusal()
    assert "room r is full" in refused.detail


async def test_an_older_end_has_no_place_among_several(enter, equal) -> None:
    a, b = await equal("a"), await equal("b")
    await a.hear()
    await b.hear()
    refused = await (await enter("sender", "o")).refusal()
    assert refused.reason == "full"
    assert "has a" not in refused.detail  # ends of before show the second of two refusals, unless both say that


async def test_an_equal_that_breaks_off_is_back_unnoticed_and_is_missed_when_it_stays_away(running, equal) -> None:
    a, b = await equal("a"), await equal("b")
    await a.hear()
    await b.hear()
    await a.hear()
    await b.break_off()
    back = await equal("b")
    assert await back.hear() == Welcome(True, "a", 3, ("a",))
    await back.break_off()
    while len(running.server.lines) != 1:
        await a.say(Bye("", "until the server has noticed", to="nobody", by="a"))
    running.clock.now += 10.0
    running.server.sweep()
    assert await a.hear() == PeerLeft("equal", "b")


async def test_equals_in_a_call_do_not_expire(running, equal) -> None:
    a, b = await equal("a"), await equal("b")
    for end in (a, b):
        await end.hear()
    running.clock.now += 1e6
    running.server.sweep()
    await b.leave()
    assert [await a.hear(), await a.hear()] == [PeerJoined("equal", "b"), PeerLeft("equal", "b")]
    running.clock.now += 1e6
    running.server.sweep()
    assert (await a.refusal()).reason == "expired"
