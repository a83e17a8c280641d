"""Four ends of a call over a real server and real connections, with a toy for a codec."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from facewire.call.entrance import enter
from facewire.call.options import CallOptions, parse_arguments
from facewire.call.program import Program
from receiver.destinations import Destinations
from receiver.picture import Picture
from signaling.client import SignalingClient
from signaling.errors import RoomError
from signaling.protocol.messages import Role
from signaling.server import ServerSettings, SignalingServer, listening

SAMPLE = Path(__file__).parents[3] / "benchmarks" / "clips" / "data" / "sample.mp4"
PATIENCE_S = 100
SIDE = 256
PATIENT = ServerSettings(probe_s=PATIENCE_S)  # all ends are in one busy loop


class Terminal:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.say = self.said.append

    def show(self, figures: Any, *, end: str = "") -> None:
        pass

    summary = staticmethod(lambda *, end="": None)


class Window(Destinations):
    """Tells which shades are seen."""

    def __init__(self) -> None:
        super().__init__()
        self.shades: set[int] = set()
        self._changed = asyncio.Event()

    def show(self, picture: Picture) -> None:
        image = picture.rgb()
        height, width = image.shape[:2]
        if height == width < SIDE:  # one end alone, as it comes
            places = [(height // 2, width // 2)]
        else:
            xs, ys = range(SIDE // 2, width, SIDE // 2), range(SIDE // 2, height, SIDE // 2)
            places = [(y, x) for y in ys for x in xs]
        shades = {int(image[place][0]) for place in places if len(set(image[place])) == 1}
        if (seen := {shade for shade in shades if shade % 40 == 0}) != self.shades:
            self.shades = seen
            self._changed.set()

    async def sees(self, *shades: int) -> None:
        while self.shades != set(shades):
            self._changed.clear()
            await self._changed.wait()


class End:
    """One end, running."""

    def __init__(self, url: str, *more: str) -> None:
        arguments = ["--signal", url, "--room", "blue", "--input", str(SAMPLE), "--loop", "--microphone", "none"]
        call, sending, receiving = parse_arguments([*arguments, "--speaker", "none", "--output", "null", *more])
        self.terminal, self.window = Terminal(), Window()
        self.program = Program(call, sending, receiving, self.terminal)  # type: ignore[arg-type]
        self.program._destinations = self.window
        self.running = asyncio.create_task(self.program.run())

    async def stop(self) -> None:
        self.program.stop()
        await self.running


@contextlib.asynccontextmanager
async def call(url: str, *ends: tuple[str, ...]) -> AsyncIterator[list[End]]:
    running: list[End] = []
    try:
        for more in ends:
            running.append(End(url, *more))
        yield running
    finally:
        for end in running:
            end.program.stop()
        await asyncio.gather(*(end.running for end in running))


async def test_four_see_each_other_one_leaves_one_comes_and_a_fifth_has_no_place(toy_codec: Any) -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        listening(SignalingServer(settings=PATIENT), host="127.0.0.1", port=0) as url,
        call(url, (), ()) as (one, two),
    ):
        await asyncio.gather(one.window.sees(80), two.window.sees(40))
        async with call(url, (), ("--mode", "keypoints")) as (three, four):
            ends = {40: one, 80: two, 120: three, 160: four}
            await asyncio.gather(*(end.window.sees(*ends.keys() - {shade}) for shade, end in ends.items()))
            with pytest.raises(RoomError, match="room blue is full: it takes 4 ends, and all of them are there"):
                await enter(one.program._options, say=print)
            await four.stop()
            await asyncio.gather(one.window.sees(80, 120), two.window.sees(40, 120), three.window.sees(40, 80))
            five = End(url)
            await asyncio.gather(five.window.sees(40, 80, 120), three.window.sees(40, 80, 200))
            await five.stop()
        await asyncio.gather(one.window.sees(80), two.window.sees(40))
    said = [text for text in one.terminal.said if text.endswith(("end", "connected", "up"))]
    assert said[:2] == ["in room blue: waiting for the other end", "connected"]
    assert sorted(said[2:]) == [
        "end 1: connected",  # anew: it is one of several now
        "end 2: connected",
        "end 2: the other end hung up",
        *["end 3: connected"] * 2,
        *["end 3: the other end hung up"] * 2,
    ]
    for worker, end in zip(toy_codec, (one, two), strict=False):
        assert 0 < worker.coded <= end.program._capture.pictures  # once for all


@pytest.mark.parametrize(("older", "is_first"), [("sender", True), ("receiver", False)])
async def test_an_end_of_before_and_one_of_now_call_each_other(
    toy_codec: Any, monkeypatch: pytest.MonkeyPatch, older: Role, is_first: bool
) -> None:
    async def enter_as_before(options: CallOptions, *, say: Any) -> SignalingClient:
        if options.others == 1:
            return await SignalingClient.connect(options.signal, room=options.room, role=older, news=say)
        return await enter(options, say=say)

    monkeypatch.setattr("facewire.call.program.enter", enter_as_before)
    old, new = ("--others", "1"), ()
    async with (
        asyncio.timeout(PATIENCE_S),
        listening(SignalingServer(settings=PATIENT), host="127.0.0.1", port=0) as url,
        call(url, old if is_first else new, new if is_first else old) as (one, two),
    ):
        await asyncio.gather(one.window.sees(80), two.window.sees(40))
        with pytest.raises(RoomError, match="room blue is full: a call of several and an end that calls one other"):
            await enter(CallOptions(signal=url, room="blue"), say=print)
    before, now = (one, two) if is_first else (two, one)
    assert "connected" in before.terminal.said
    assert [text for text in now.terminal.said if text.startswith("connected")] == [
        "connected: it is no call, or of a version before calls of several, so nobody else can join"
    ]
