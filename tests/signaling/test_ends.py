"""Tests of how an end is run in a block: what goes wrong is seen, what ends is told, and leaving closes."""

import asyncio
import os
import signal
from typing import Any

import pytest

from signaling.programs.ends import End, first_error, interrupts, unless


class Toy(End):
    """Runs until it is closed, told to fail, or told to end."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.error: Exception | None = None

    async def run(self) -> None:
        await self.over.wait()
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        self.over.set()

    def figures(self) -> dict[str, Any]:
        return {}

    def fail(self, error: Exception) -> None:
        self.error = error
        self.over.set()


async def test_leaving_the_block_closes_the_end() -> None:
    async with Toy() as toy:
        assert not toy.over.is_set()
    assert toy.over.is_set()


async def test_an_end_that_fails_wakes_the_block_and_says_why() -> None:
    async def never_woken() -> None:
        async with Toy() as toy:
            toy.fail(ValueError("the camera broke"))
            await asyncio.Event().wait()

    async with asyncio.timeout(10):
        with pytest.raises(ValueError, match="the camera broke"):
            await never_woken()
        await asyncio.sleep(0)  # the task is not left half cancelled
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0


async def test_an_end_that_ends_by_itself_is_waited_for() -> None:
    async with asyncio.timeout(10), Toy() as toy:
        toy.over.set()
        await toy.wait()


async def test_what_the_block_raises_comes_through() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with Toy():
            raise KeyError("mine")


def test_the_first_error_of_nested_groups() -> None:
    error = ValueError("first")
    group = ExceptionGroup("outer", [ExceptionGroup("inner", [error, KeyError()]), OSError()])
    assert first_error(group) is error
    assert first_error(error) is error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_after_the_block_a_signal_does_what_it_did(number: signal.Signals) -> None:
    told = asyncio.Event()
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with interrupts(told.set):
            os.kill(os.getpid(), number)
            await told.wait()
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


async def test_what_is_told_to_stop_does_not_wait_for_its_start() -> None:
    stopped, done = asyncio.Event(), list[str]()

    async def never() -> None:
        stopped.set()
        try:
            await asyncio.Event().wait()
        finally:
            done.append("given up")

    async def soon() -> None:
        done.append("done")

    await unless(asyncio.Event(), soon())
    await unless(stopped, never())
    assert done == ["done", "given up"]


async def test_a_start_that_fails_says_why() -> None:
    async def fail() -> None:
        raise OSError("no window")

    with pytest.raises(BaseExceptionGroup) as failed:
        await unless(asyncio.Event(), fail())
    assert str(first_error(failed.value)) == "no window"
