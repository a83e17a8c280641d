"""Tests of beginning again with Janus."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from signaling.errors import PeerGone, SignalingError, TokenError, Unreachable
from signaling.retries import Retries
from signaling.sfu.errors import NoSuchFeed, NoSuchRoom, PluginMissing, RoomFull
from signaling.sfu.trying import Trying


class Program:
    """What is tried: raises these one after the other, and is through after them."""

    def __init__(self, *errors: SignalingError) -> None:
        self.errors = list(errors)
        self.said: list[str] = []
        self.pauses_s: list[float] = []
        self.trying = Trying(say=self.said.append, retries=Retries(draw=lambda: 1.0), sleep=self._sleep)

    async def run(self, serve: Callable[[], Awaitable[None]] | None = None) -> None:
        await self.trying.run(serve or self._serve, until=lambda: not self.errors)

    async def _serve(self) -> None:
        raise self.errors.pop(0)

    async def _sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)


async def test_what_may_get_better_is_tried_again_with_growing_pauses_and_told_once() -> None:
    program = Program(*[RoomFull("full")] * 3, NoSuchRoom("none"), NoSuchFeed("gone"), PeerGone("no way"))
    await program.run()
    assert program.said == [f"{text}; trying again" for text in ("full", "none", "gone", "no way")]
    assert program.pauses_s == [0.5, 1.0, 2.0, 4.0, 8.0]  # and none when it is enough


@pytest.mark.parametrize("error", [TokenError("no"), PluginMissing("no")])
async def test_what_does_not_get_better_ends_it(error: SignalingError) -> None:
    program = Program(error)
    with pytest.raises(type(error)):
        await program.run()


async def test_a_janus_that_was_never_there_is_given_up_and_one_that_was_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s, loop = [0.0], asyncio.get_running_loop()
    monkeypatch.setattr(loop, "time", lambda: now_s[0])
    program = Program(Unreachable("nobody"), Unreachable("nobody"))

    async def serve() -> None:
        now_s[0] += 3.0
        raise program.errors.pop(0)

    with pytest.raises(Unreachable):
        await program.run(serve)
    assert program.said == ["nobody; trying again"]
    known = Program(*[Unreachable("gone")] * 9)
    known.trying.reached()
    await known.run()
    assert known.said == ["gone; trying again"]


async def test_after_a_connection_that_held_pauses_are_short_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, loop = [0.0], asyncio.get_running_loop()
    monkeypatch.setattr(loop, "time", lambda: now_s[0])
    program = Program(*[PeerGone("gone")] * 5)

    async def serve() -> None:
        if len(program.errors) == 2:
            program.trying.works()
            now_s[0] += 2.0
        raise program.errors.pop(0)

    await program.run(serve)
    assert program.pauses_s == [0.5, 1.0, 2.0, 0.5]
    assert program.said == ["gone; trying again"] * 2  # told anew: there was a connection in between
