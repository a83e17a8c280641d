"""Tests of pauses between tries: how they grow, and what the line to the server does meanwhile."""

import asyncio
import random

from signaling.client import SignalingClient
from signaling.protocol.messages import Bye, PeerJoined, Welcome
from signaling.retries import NEWCOMER_S, Retries, pause


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
