"""The receiver as a program: real peer connections over loopback, one sender after another, and what goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from aiortc import RTCPeerConnection
from rich.console import Console

import receiver.__main__ as program
from receiver.figures.terminal import Terminal
from receiver.h264.fallback import FallbackSource
from receiver.options import CallOptions, ReceiverOptions
from receiver.picture import Picture
from receiver.receive import FaceReceiver
from sender.h264.fallback import H264Encoder, add_h264_track
from signaling.call import connect_peer
from signaling.client import SignalingClient
from signaling.errors import Unreachable
from signaling.programs.ends import first_error
from signaling.protocol.messages import KeyframeRequest, Offer, ReferenceReceived
from signaling.retries import Retries
from signaling.server import SignalingServer, listening
from signaling.transport.peer import accept_channels, offer_channels


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with listening(SignalingServer(token="secret"), host="127.0.0.1", port=0) as url:
        yield url


def options(url: str, **more: Any) -> CallOptions:
    return CallOptions(**({"signal": url, "room": "r", "token": "secret", "output": "null"} | more))


class News(Console):
    """A console that tells what is said."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.said: list[str] = []
        self.spoken = asyncio.Event()

    def print(self, *objects: Any, **_: Any) -> None:
        self.said += [str(item) for item in objects]
        self.spoken.set()

    async def wait_for(self, text: str, *, times: int = 1) -> None:
        while sum(text in line for line in self.said) < times:
            self.spoken.clear()
            await self.spoken.wait()


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch, toys: Any) -> asyncio.Queue[Picture]:
    """The program decodes toys; what it shows."""
    shown: asyncio.Queue[Picture] = asyncio.Queue()

    def receive(pc: RTCPeerConnection, options: ReceiverOptions, *, alone: bool) -> FaceReceiver:
        receiver = FaceReceiver(
            accept_channels(pc), options=options, fallback=FallbackSource(pc, alone=alone), decoder=toys.Decoder()
        )
        receiver.watch(shown.put_nowait)
        return receiver

    monkeypatch.setattr("receiver.program.receive_face", receive)
    return shown


async def send_a_call(url: str, toys: Any, pictures: asyncio.Queue[Picture]) -> None:
    """A sender's whole call: eight frames as fast as they go, until three of them have been shown."""
    pc = RTCPeerConnection()
    sender = toys.Sender(offer_channels(pc))
    async with await SignalingClient.connect(url, room="r", role="sender", token="secret") as client:
        call = await connect_peer(pc, client)
        await sender.wait_for(KeyframeRequest)
        for _ in range(8):
            sender.send_frame()
        await sender.wait_for(ReferenceReceived)
        for _ in range(3):
            await pictures.get()
        await call.close("that is all")


async def test_one_sender_after_another_into_one_file(
    url: str, toys: Any, pictures: asyncio.Queue[Picture], tmp_path: Path
) -> None:
    path, meters = tmp_path / "out.mp4", tmp_path / "meters.jsonl"
    news = News()
    call = options(url, output=str(path), json=str(meters), record=tmp_path)
    terminal = Terminal(json_path=call.json, console=news)
    running_program = program.Program(call, ReceiverOptions(), terminal)
    running = asyncio.create_task(running_program.run())
    await news.wait_for("waiting for a sender")
    async with asyncio.timeout(60):
        for number in (1, 2):
            await send_a_call(url, toys, pictures)
            await news.wait_for("; waiting for a sender", times=number)
        running_program.stop()
        await running
    terminal.close()
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) >= 6
    lines = [json.loads(line) for line in meters.read_text().splitlines()]
    assert lines
    assert {"keypoints", "h264", "mode", "stages_ms", "connection"} <= lines[-1].keys()
    with av.open(str(tmp_path / "keypoints.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) >= 3


async def test_offers_that_cannot_be_used_are_looked_at_less_and_less(
    url: str, toys: Any, pictures: asyncio.Queue[Picture]
) -> None:
    """And the receiver is there for the next sender: nothing that a peer can write ends it."""
    news, pauses, patient = News(), list[float](), asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if sum(pauses) >= 0.5 + 1 + 2 + 4 + 8 + 8:
            patient.set()

    retries = Retries(first_s=0.5, longest_s=8.0, draw=lambda: 1.0)
    receiver = program.Program(options(url), ReceiverOptions(), Terminal(console=news), retries=retries, sleep=sleep)
    running = asyncio.create_task(receiver.run())
    await news.wait_for("waiting for a sender")
    async with await SignalingClient.connect(url, room="r", role="sender", token="secret") as hostile:
        for number in range(6):
            await hostile.send(Offer("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 99\r\na=fmtp:99 x=1\r\n", str(number)))
        async with asyncio.timeout(60):
            await patient.wait()
    async with asyncio.timeout(60):
        await send_a_call(url, toys, pictures)
    receiver.stop()
    await running
    reasons = [line[9:] for line in news.said if "cannot be used" in line]  # after the time of day
    assert reasons == ["the other end's offer cannot be used: StopIteration; waiting for a sender"]


async def test_a_sender_without_channels_is_shown_in_h264(url: str, pictures: asyncio.Queue[Picture]) -> None:
    news = News()
    receiver = program.Program(options(url), ReceiverOptions(), Terminal(console=news))
    running = asyncio.create_task(receiver.run())
    await news.wait_for("waiting for a sender")
    pc = RTCPeerConnection()
    track = add_h264_track(pc)
    encoder = H264Encoder(size=64, kbps=100)
    async with await SignalingClient.connect(url, room="r", role="sender", token="secret") as client:
        call = await connect_peer(pc, client)
        for number in range(5):
            track.deliver(encoder.encode(np.full((64, 64, 3), 40 * number, np.uint8), pts=3600 * number))
        async with asyncio.timeout(60):
            assert (await pictures.get()).kind == "h264"
        await call.close()
    receiver.stop()
    await running


async def test_a_wrong_token_is_one_line(url: str) -> None:
    running = program.Program(options(url, token="wrong"), ReceiverOptions(), Terminal(console=News()))
    with pytest.raises(ExceptionGroup) as caught:
        await running.run()
    assert "token" in str(first_error(caught.value))


async def test_weights_that_are_not_there_end_it_before_any_sender_comes(url: str) -> None:
    receiving = ReceiverOptions(weights="/nowhere.safetensors")
    running = program.Program(options(url), receiving, Terminal(console=News()))
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.timeout(60):
            await running.run()
    assert "/nowhere.safetensors" in str(first_error(caught.value))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--signal", "http://h", "--room", "r"], "expected ws://HOST:PORT"),
        (["--signal", "ws://h:1", "--room", "r", "--output", "x.avi"], "ends in .mp4"),
        (["--signal", "ws://h:1", "--room", "r", "--turn", "turn:h"], "TURN"),
        (["--room", ""], "--room is empty"),
    ],
)
def test_nonsense_on_the_command_line(capsys: pytest.CaptureFixture[str], arguments: list[str], text: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        program.main(arguments)
    assert stopped.value.code == 2
    assert text in capsys.readouterr().err


def test_signaling_down_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect(url: str, **_: Any) -> None:
        raise Unreachable(f"no signaling server answers at {url}: Connection refused")

    monkeypatch.setattr(SignalingClient, "connect", connect)
    assert program.main(["--signal", "ws://127.0.0.1:9", "--room", "r", "--output", "null"]) == 2
    assert capsys.readouterr().err == (
        "facewire-receive: no signaling server answers at ws://127.0.0.1:9: Connection refused\n"
    )


def test_places_that_cannot_be_written_are_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    wrong = str(tmp_path / "file" / "x")
    start = ["--signal", "ws://127.0.0.1:9", "--room", "r"]
    assert program.main([*start, "--output", f"{wrong}.mp4"]) == 2
    assert program.main([*start, "--output", "null", "--json", wrong]) == 2
    assert program.main([*start, "--output", "null", "--record", wrong]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("facewire-receive: ") for line in lines)


def test_without_a_display_the_default_output_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert program.main(["--signal", "ws://127.0.0.1:9", "--room", "r"]) == 2
    assert "no display" in capsys.readouterr().err
