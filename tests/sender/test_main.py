"""Tests of the sender as a program: it meets one receiver after the other, and says in one line what stops it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection

from sender import __main__ as program
from sender.errors import SourceError
from sender.options import CallOptions, SenderOptions
from sender.terminal import Display
from signaling.call import connect_peer
from signaling.client import SignalingClient
from signaling.errors import PeerGone, TokenError, Unreachable
from signaling.protocol.messages import ModeSwitch, decode
from signaling.retries import Retries
from signaling.server import SignalingServer, listening
from signaling.transport.peer import accept_channels

pytestmark = pytest.mark.usefixtures("cheap_codec")


class Kept(Display):
    """Keeps what would be printed."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.seconds: list[Any] = []
        self.two_calls = asyncio.Event()

    def say(self, text: str) -> None:
        self.lines.append(text)

    def show(self, figures: Any) -> None:
        self.seconds.append(figures)

    def summary(self, figures: Any) -> None:
        self.lines.append("summary")
        if self.lines.count("summary") == 2:
            self.two_calls.set()


@asynccontextmanager
async def receiver(url: str) -> AsyncIterator[tuple[Any, MediaStreamTrack, asyncio.Queue[Any]]]:
    """A receiver in the room: its channels, the sender's track, and what the sender says."""
    async with await SignalingClient.connect(url, room="facewire", role="receiver") as client:
        while True:
            pc = RTCPeerConnection()
            channels = accept_channels(pc)
            said: asyncio.Queue[Any] = asyncio.Queue()
            tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
            channels.control.set_receiver(lambda data, said=said: said.put_nowait(decode(data)))
            pc.on("track", tracks.put_nowait)
            try:
                call = await connect_peer(pc, client)
                break
            except PeerGone:
                continue  # the sender called once before it knew who is there
        yield channels, await tracks.get(), said
        await call.close("enough")


async def test_one_receiver_after_the_other_gets_pictures(clip: Callable[..., Path]) -> None:
    display = Kept()
    path = clip(frames=25, width=64, height=64)
    async with listening(SignalingServer(), host="127.0.0.1", port=0) as url:
        options, coding = CallOptions(signal=url, input=str(path), loop=True), SenderOptions(mode="compare")
        running = asyncio.create_task(program.Program(options, coding, display).run())
        for _ in range(2):
            async with receiver(url) as (channels, track, said):
                motion: asyncio.Queue[bytes] = asyncio.Queue()
                channels.motion.set_receiver(motion.put_nowait)
                while not isinstance(message := await said.get(), ModeSwitch):
                    pass
                assert message.mode == "compare"
                assert (await track.recv()).width == coding.size  # type: ignore[union-attr]
                assert await motion.get()
        await display.two_calls.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert display.lines[:3] == [
        f"{path} for room 'facewire' at {url}",
        "waiting for a receiver",
        "a receiver is there",
    ]
    assert display.lines.count("a receiver is there") == 2
    assert display.seconds


async def test_the_end_of_a_file_ends_the_program(clip: Callable[..., Path]) -> None:
    display = Kept()
    async with listening(SignalingServer(), host="127.0.0.1", port=0) as url:
        options, coding = CallOptions(signal=url, input=str(clip(frames=1))), SenderOptions(mode="keypoints")
        running = asyncio.create_task(program.Program(options, coding, display).run())
        pc = RTCPeerConnection()
        channels = accept_channels(pc)
        reference: asyncio.Queue[bytes] = asyncio.Queue()
        channels.reference.set_receiver(reference.put_nowait)
        async with await SignalingClient.connect(url, room="facewire", role="receiver") as client:
            await connect_peer(pc, client)
            assert await reference.get()
            await running
            await pc.close()
    assert display.lines[-1] == "the source has ended"


async def test_a_server_that_is_away_for_a_while_is_said_once(
    clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    display, answers = Kept(), iter([Unreachable("no server")] * 3 + [PeerGone("it left")] + [Unreachable("no server")])

    async def connect(pc: RTCPeerConnection, client: Any, **more: Any) -> Any:
        await pc.close()
        try:
            error = next(answers)
        except StopIteration:
            raise TokenError("enough") from None
        raise error

    monkeypatch.setattr(program, "connect_peer", connect)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with listening(SignalingServer(), host="127.0.0.1", port=0) as url:
        options = CallOptions(signal=url, input=str(clip()))
        retries = Retries(first_s=0.5, draw=lambda: 1.0)
        running = program.Program(options, SenderOptions(), display, retries=retries, sleep=sleep)
        async with await SignalingClient.connect(url, room="facewire", role="receiver"):
            with pytest.raises(TokenError):
                await running.run()
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert display.lines[2:] == [
        "no server; trying again until it does",
        "it left; waiting for a receiver",
        "no server; trying again until it does",
    ]


async def test_a_camera_that_is_not_there_ends_the_program_before_anybody_comes() -> None:
    async with listening(SignalingServer(), host="127.0.0.1", port=0) as url:
        sender = program.Program(CallOptions(signal=url, input="webcam:99"), SenderOptions(), Kept())
        with pytest.raises(SourceError, match="webcam:99: no such camera"):
            await sender.run()


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--input", "nowhere.mp4"], 1, "facewire-send: nowhere.mp4: no such file"),
        (["--input", __file__], 1, f"facewire-send: {__file__}: cannot be opened as video"),
        (["--input", "webcam:x:"], 1, "facewire-send: webcam:x:: expected webcam:NUMBER"),
        (["--json", "/nowhere/m.jsonl"], 2, "facewire-send: --json /nowhere/m.jsonl: No such file"),
    ],
)
def test_bad_inputs_are_one_line_and_a_status(
    arguments: list[str], status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(arguments) == status
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 1
    assert printed[0].startswith(line)


def test_a_server_that_never_answered_is_status_2(
    clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def connect(*_: Any, **__: Any) -> Any:
        raise Unreachable("no signaling server answers at ws://127.0.0.1:8765")

    monkeypatch.setattr(program.SignalingClient, "connect", connect)
    assert program.main(["--input", str(clip())]) == 2
    assert capsys.readouterr().err == "facewire-send: no signaling server answers at ws://127.0.0.1:8765\n"
