"""Tests of pauses between tries: how they grow, and what the line to the server does meanwhile."""

import asyncio
import random
from typing import Any

import pytest

from signaling.client import SignalingClient
from signaling.errors import PeerGone, TokenError, Unreachable
from signaling.protocol.messages import Bye, PeerJoined, Welcome
from signaling.retries import LASTING_S, NEWCOMER_S, Attempts, Retries, pause


class Sleep:
    """A sleep that lasts until the test says so; what was asked for."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []
        self.begun = asyncio.Event()
        self._wake = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked_s.append(seconds)
        self.begun.set()
        await self._wake.wait()
        self._wake.clear()

    async def over(self) -> None:
        await self.begun.wait()
        self.begun.clear()
        self._wake.set()


def test_pauses_double_up_to_the_longest_and_start_over() -> None:
    most = Retries(first_s=0.5, longest_s=4.0, draw=lambda: 1.0)
    assert [most.pause_s() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    most.succeeded()
    assert most.pause_s() == 0.5
    least = Retries(first_s=0.5, longest_s=4.0, draw=lambda: 0.0)
    assert [least.pause_s() for _ in range(5)] == [0.25, 0.5, 1.0, 2.0, 2.0]


def test_ends_that_failed_together_do_not_come_back_together() -> None:
    ends = [Retries(draw=random.Random(seed).random) for seed in range(20)]
    for upper_s in (0.5, 1.0, 2.0):
        pauses = [end.pause_s() for end in ends]
        assert len(set(pauses)) == len(pauses)
        assert all(upper_s / 2 <= seconds <= upper_s for seconds in pauses)


async def test_what_is_said_during_a_pause_is_heard_after_it(running, raw_end) -> None:
    other = await raw_end(running.url, "r", "receiver", "b")
    assert isinstance(await other.hear(), Welcome)
    async with await SignalingClient.connect(running.url, room="r", role="sender") as client:
        assert isinstance(await anext(client), Welcome)
        sleep = Sleep()
        pausing = asyncio.create_task(pause(client, 0.75, sleep=sleep))
        await sleep.begun.wait()
        for number in range(3):
            await other.say(Bye(str(number)))
        await other.hear()  # our joining
        await sleep.over()
        await pausing
        assert [await anext(client) for _ in range(3)] == [Bye("0"), Bye("1"), Bye("2")]
    assert sleep.asked_s == [0.75]


async def test_a_flood_during_a_pause_is_not_kept(running, raw_end) -> None:
    other = await raw_end(running.url, "r", "receiver", "b")
    async with await SignalingClient.connect(running.url, room="r", role="sender") as client:
        assert isinstance(await anext(client), Welcome)
        all_read = asyncio.Event()
        given = client._given

        async def sleep(seconds: float) -> None:
            await all_read.wait()

        def count(message):
            if message == Bye("99"):
                all_read.set()
            return given(message)

        client._given = count
        pausing = asyncio.create_task(pause(client, 0.75, sleep=sleep))
        for number in range(100):
            await other.say(Bye(str(number)))
        await pausing
        client._given = given
        await other.say(Bye("last"))
        heard = []
        while not heard or heard[-1] != "last":
            heard.append((await anext(client)).reason)
    assert heard == [*map(str, range(100 - 64, 100)), "last"]


async def test_a_newcomer_ends_a_long_pause_and_not_a_short_one(running, raw_end) -> None:
    async with await SignalingClient.connect(running.url, room="r", role="sender") as client:
        assert isinstance(await anext(client), Welcome)
        sleep = Sleep()
        pausing = asyncio.create_task(pause(client, 20.0, sleep=sleep))
        await sleep.over()  # the first second
        await sleep.begun.wait()
        await raw_end(running.url, "r", "receiver", "b")
        await pausing
        assert sleep.asked_s == [NEWCOMER_S, 20.0 - NEWCOMER_S]
        assert await anext(client) == PeerJoined("receiver", "b")


class Line:
    """In place of a line to the server, on which nothing comes unless it is `broken`."""

    role = "sender"

    def __init__(self) -> None:
        self.peer = "b"
        self.broken = False

    def put_back(self, message: object) -> None:
        raise AssertionError("nothing was heard")

    async def __anext__(self) -> object:
        if self.broken:
            raise Unreachable("no server")
        return await asyncio.Future()


class Trying:
    """Attempts over such a line, what they say, and how long they would wait."""

    def __init__(self, **more: bool) -> None:
        self.line, self.said, self.pauses = Line(), list[str](), list[float]()
        retries = Retries(first_s=0.5, longest_s=4.0, draw=lambda: 1.0)
        line: Any = self.line
        self.attempts = Attempts(
            line, say=self.said.append, waiting="waiting", retries=retries, sleep=self._sleep, **more
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def make(self, *, lasts_s: float | None, error: Exception | None = None) -> None:
        """One attempt: a call that lasts so long, or none, and how it ends."""

        async def attempt() -> None:
            if lasts_s is not None:
                self.attempts.made()
                self.attempts._made_s -= lasts_s
            if error is not None:
                raise error

        await self.attempts.make(attempt)


@pytest.mark.parametrize("lasts_s", [None, 0.0])
async def test_calls_that_come_to_nothing_are_tried_after_longer_and_longer_pauses(lasts_s: float | None) -> None:
    trying = Trying()
    for _ in range(4):
        await trying.make(lasts_s=lasts_s, error=PeerGone("it left") if lasts_s is None else None)
    assert trying.pauses == [0.5, 1.0, 1.0, 1.0, 1.0, 3.0]  # the first second of a pause apart
    assert trying.said == (["it left; waiting"] if lasts_s is None else [])


async def test_a_call_that_lasted_is_followed_at_once_and_makes_pauses_short_again() -> None:
    trying = Trying()
    for lasts_s in (None, None, LASTING_S, None):
        await trying.make(lasts_s=lasts_s, error=PeerGone("it left"))
    assert trying.pauses == [0.5, 1.0, 0.5]
    assert trying.said == ["it left; waiting"] * 2, "after a call the same is news again"


async def test_what_fails_in_another_way_is_said() -> None:
    trying = Trying()
    for reason in ("it left", "it left", "it is silent", "it left"):
        await trying.make(lasts_s=None, error=PeerGone(reason))
    assert trying.said == ["it left; waiting", "it is silent; waiting", "it left; waiting"]


async def test_a_server_that_is_gone_is_tried_again_whether_in_a_call_or_in_the_pause_after_it() -> None:
    trying = Trying()
    await trying.make(lasts_s=None, error=Unreachable("no server"))
    trying.line.broken = True
    await trying.make(lasts_s=None, error=PeerGone("it left"))
    assert trying.said == [
        "no server; trying again until it does",
        "it left; waiting",
        "no server; trying again until it does",
    ]
    assert trying.pauses == [0.5, 1.0, 2.0]


async def test_a_line_that_is_shared_is_somebody_elses_to_mend_and_nobody_is_waited_for_who_has_left() -> None:
    trying = Trying(shared=True)
    with pytest.raises(Unreachable):
        await trying.make(lasts_s=None, error=Unreachable("no server"))
    trying.line.peer = ""
    await trying.make(lasts_s=None, error=PeerGone("it left"))
    assert trying.pauses == []


async def test_what_is_no_end_of_a_call_is_raised() -> None:
    trying = Trying()
    with pytest.raises(TokenError):
        await trying.make(lasts_s=None, error=TokenError("another token"))
    assert (trying.said, trying.pauses) == ([], [])
