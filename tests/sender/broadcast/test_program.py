"""Tests of the sender as a program for several viewers, over a real server and real connections on loopback."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCPeerConnection

from codec.bits.packet import MotionMessage, ReferenceAssembler, ReferenceFragment
from codec.pictures.face import FaceBox
from sender.broadcast import program
from sender.crop.face import FaceFollower
from sender.encode import FaceWorker
from sender.options import CallOptions, SenderOptions, parse_arguments
from sender.terminal import Display
from signaling.call import connect_peer
from signaling.client import SignalingClient
from signaling.errors import RoomError
from signaling.protocol.messages import ReceiverReport, ReferenceReceived, encode
from signaling.server import SignalingServer, listening
from signaling.transport.peer import accept_channels

REPORT = encode(ReceiverReport(0.0, None, 25.0, 1.0))


class Kept(Display):
    """Keeps what would be printed."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.seconds: list[Any] = []
        self.said = asyncio.Event()  # that receivers are waited for

    def say(self, text: str) -> None:
        self.lines.append(text)
        if text.startswith("waiting for receivers"):
            self.said.set()

    def show(self, figures: Any) -> None:
        self.seconds.append(figures)

    def summary(self, figures: Any) -> None:
        self.lines.append("summary")


class Watching:
    """A receiver's end: what has come, by the number that the fake encoder gave it."""

    def __init__(self, channels: Any, *, frozen: bool) -> None:
        self.channels, self.frozen = channels, frozen
        self.frames: dict[int, bytes] = {}
        self.references: dict[int, bytes] = {}
        self.came = asyncio.Event()
        self._assembler = ReferenceAssembler()
        channels.reference.set_receiver(self._on_reference)
        channels.motion.set_receiver(self._on_motion)

    def _on_reference(self, data: bytes) -> None:
        whole = self._assembler.add(ReferenceFragment.parse(data))
        if whole is not None:
            self.references[whole[1]] = whole
            if not self.frozen:  # the fake encoder's references count from 0 with each keyframe and reference
                self.channels.control.send(encode(ReferenceReceived(len(self.references) - 1, whole[1])))

    def _on_motion(self, data: bytes) -> None:
        message = MotionMessage.parse(data)
        assert len(message.unit) == 21 * message.count
        for at in range(0, len(message.unit), 21):
            self.frames[message.unit[at + 1]] = message.unit[at : at + 21]
        if not self.frozen:
            self.channels.control.send(REPORT)
        self.came.set()

    async def has(self, count: int) -> None:
        """Waits until so many frames have come."""
        while len(self.frames) < count:
            self.came.clear()
            await self.came.wait()


@asynccontextmanager
async def watching(url: str, *, frozen: bool = False):
    """A receiver in the room, in its call."""
    async with await SignalingClient.connect(url, room="facewire", role="receiver") as client:
        pc = RTCPeerConnection()
        watcher = Watching(accept_channels(pc), frozen=frozen)
        call = await connect_peer(pc, client)
        reading = asyncio.create_task(call.ended())
        try:
            yield watcher
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            await call.close("enough")


@asynccontextmanager
async def sending(clip: Callable[..., Path], *, viewers: int, **more: Any):
    """The program in a room of its own: the server's address, what it says, and the task."""
    display = Kept()
    async with listening(SignalingServer(), host="127.0.0.1", port=0) as url:
        path = clip(frames=50, width=64, height=64)
        options = CallOptions(signal=url, input=str(path), loop=True, viewers=viewers, **more)
        running = asyncio.create_task(program.BroadcastProgram(options, SenderOptions(), display).run())
        yield url, display, running
        running.cancel()
        await asyncio.wait([running])


@pytest.fixture
def encoder(fakes, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The one encoder that the program has."""
    made = fakes.Encoder(bundle=4, reference_bytes=400)
    finder = fakes.Finder(FaceBox(10, 10, 20, 20, 1.0))

    def make_worker(options: SenderOptions) -> FaceWorker:
        return FaceWorker(lambda _: made, lambda _: FaceFollower(finder), size=64, bundles=fakes.Bundles)

    monkeypatch.setattr(program, "make_worker", make_worker)
    return made


def coded(encoder: Any) -> int:
    return sum(isinstance(call, tuple) and call[0] == (64, 64, 3) for call in encoder.calls)


async def test_three_viewers_get_the_same_bytes_and_a_frame_is_coded_once(clip, encoder) -> None:
    async with sending(clip, viewers=3) as (url, display, _), AsyncExitStack() as stack:
        ends = [await stack.enter_async_context(watching(url)) for _ in range(3)]
        for end in ends:
            await end.has(20)
        shared = set.intersection(*(set(end.frames) for end in ends))
        assert len(shared) >= 8
        for number in shared:
            assert len({end.frames[number] for end in ends}) == 1
        assert coded(encoder) <= max(max(end.frames) for end in ends) + 8  # and not three times as many
        assert encoder.calls.count("keyframe") <= 3
        assert any("3 now" in line for line in display.lines)


async def test_one_too_many_is_refused_and_comes_when_another_has_left(clip, encoder) -> None:
    async with sending(clip, viewers=4) as (url, display, _), AsyncExitStack() as stack:
        ends = [await stack.enter_async_context(watching(url)) for _ in range(3)]
        async with watching(url) as fourth:
            await fourth.has(1)
            with pytest.raises(RoomError, match="room facewire is full: it takes 4 receivers"):
                await SignalingClient.connect(url, room="facewire", role="receiver")
        before = len(ends[0].frames)
        async with watching(url) as late:
            await late.has(4)
            assert len(late.references) >= 1
            await ends[0].has(min(before + 4, 200))
        assert sum("is gone: " in line for line in display.lines) == 1, display.lines[-4:]


async def test_a_frozen_viewer_harms_nobody(clip, encoder) -> None:
    encoder.reference_every = 10
    async with sending(clip, viewers=2) as (url, _, _), watching(url) as alive, watching(url, frozen=True) as frozen:
        await frozen.has(1)
        while not any(isinstance(call, tuple) and call[0] == "acknowledge" for call in encoder.calls):
            alive.came.clear()
            await alive.came.wait()
        await alive.has(40)


async def test_the_end_of_a_file_ends_the_program(clip, encoder) -> None:
    display = Kept()
    async with listening(SignalingServer(), host="127.0.0.1", port=0) as url:
        options = CallOptions(signal=url, input=str(clip(frames=12)), viewers=2)
        running = asyncio.create_task(program.BroadcastProgram(options, SenderOptions(), display).run())
        await display.said.wait()
        async with watching(url) as end:
            await running
            assert (
                end.references
            )  # how much of a file that plays at its own pace is coded in time is the machine's business
    assert display.lines[-1] == "summary"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--viewers", "0"], "--viewers 0: 1 to 32"),
        (["--viewers", "33"], "--viewers 33: 1 to 32"),
        (["--viewers", "2", "--compare"], "H.264 goes to one receiver alone"),
    ],
)
def test_what_several_viewers_do_not_get_is_said(arguments, reason, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse_arguments(arguments)
    assert stopped.value.code == 2
    assert reason in capsys.readouterr().err
