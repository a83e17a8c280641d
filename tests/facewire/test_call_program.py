"""The call as a program: two ends of it meet over a real server, a third is told that the room is full."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import av
import numpy as np
import pytest

from facewire.call.__main__ import main
from facewire.call.entrance import enter
from facewire.call.options import CallOptions, parse_arguments
from signaling.client import SignalingClient
from signaling.errors import RoomError
from signaling.protocol.messages import Hello, Message
from signaling.server import SignalingServer, listening
from signaling.server.seating import NotAllowed, understand

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "benchmarks" / "clips" / "data" / "sample.mp4"
PATIENCE_S = 100


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with listening(SignalingServer(), host="127.0.0.1", port=0) as address:
        yield address


def voice(path: Path, frequency: float) -> Path:
    """Two seconds of a tone in syllables."""
    t = np.arange(2 * 16_000) / 16_000
    samples = 0.4 * np.sin(2 * np.pi * frequency * t) * (0.2 + np.maximum(0, np.sin(2 * np.pi * 3 * t)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((32767 * samples).astype("<i2").tobytes())
    return path


def call(url: str, folder: Path, name: str, frequency: float, *more: str) -> "subprocess.Popen[bytes]":
    """One end as its own process, as people run it."""
    command = [sys.executable, "-m", "facewire", "call", "--signal", url, "--room", "blue", "--input", str(SAMPLE)]
    command += ["--loop", "--mode", "keypoints", "--microphone", str(voice(folder / f"{name}.wav", frequency))]
    command += ["--speaker", "none", "--output", str(folder / f"{name}.mp4"), "--record", str(folder / name)]
    return subprocess.Popen([*command, *more], cwd=ROOT, stderr=subprocess.PIPE)


def recorded(folder: Path, name: str) -> bool:
    """Whether an end has written some pictures and a second of sound, as far as they can be read while it writes."""
    sound = folder / name / "sound.wav"
    if not sound.exists() or sound.stat().st_size < 2 * 48_000:
        return False
    with contextlib.suppress(av.error.FFmpegError), av.open(str(folder / f"{name}.mp4")) as container:
        return sum(1 for _ in container.decode(video=0)) > 3
    return False


async def test_two_ends_see_and_hear_each_other_and_both_are_recorded(url: str, tmp_path: Path) -> None:
    one, other = (call(url, tmp_path, name, frequency) for name, frequency in (("one", 400.0), ("other", 700.0)))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not all(recorded(tmp_path, name) for name in ("one", "other")):
                assert (one.poll(), other.poll()) == (None, None)
                await asyncio.sleep(0.2)
        one.send_signal(signal.SIGINT)
        _, said = await asyncio.to_thread(one.communicate, timeout=PATIENCE_S)
        other.send_signal(signal.SIGINT)
        await asyncio.to_thread(other.communicate, timeout=PATIENCE_S)
    finally:
        one.kill()
        other.kill()
    assert (one.returncode, other.returncode) == (0, 0), said.decode()
    news = [line[9:] for line in said.decode().splitlines()[:2]]  # after the time of day
    assert news == ["in room blue: waiting for the other end", "connected"]
    for name, frequency in (("one", 700.0), ("other", 400.0)):
        with wave.open(str(tmp_path / name / "sound.wav")) as file:
            assert file.getframerate() == 48_000
            heard = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
        spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
        assert np.argmax(spectrum) * 48_000 / len(heard) == pytest.approx(frequency, abs=15)
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            assert sum(1 for _ in container.decode(video=0)) > 3


async def read_on(client: SignalingClient) -> None:
    """What an end in a room does: the server looks whether it is alive."""
    async for _ in client:
        pass


@contextlib.asynccontextmanager
async def inside(options: CallOptions, *, say: Callable[[str], None] = print) -> AsyncIterator[SignalingClient]:
    """An end in the room."""
    async with await enter(options, say=say) as client:
        reading = asyncio.create_task(read_on(client))
        yield client
        reading.cancel()
        await asyncio.wait([reading])


@pytest.mark.parametrize("others", [1, 3])
async def test_one_more_than_the_call_takes_is_told_that_the_room_is_full(url: str, others: int) -> None:
    options = CallOptions(signal=url, room="blue", others=others)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(others + 1):
            await stack.enter_async_context(inside(options))
        with pytest.raises(
            RoomError, match=f"room blue is full: it takes {others + 1} ends, and all of them are there"
        ):
            await enter(CallOptions(signal=url, room="blue"), say=print)


async def test_a_server_that_knows_no_equals_lets_two_call_each_other(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_before(data: bytes) -> Message:
        if isinstance(message := understand(data), Hello) and message.role == "equal":
            raise NotAllowed("message", "hello: role is 'equal', not one of sender, receiver")
        return message

    monkeypatch.setattr("signaling.server.rendezvous.understand", as_before)
    options, said = CallOptions(signal=url, room="blue"), list[str]()
    async with inside(options, say=said.append) as first, inside(options) as second:
        assert (first.role, second.role) == ("sender", "receiver")
        assert said == ["the signaling server is of an older version: it lets two call each other, no more"]
        with pytest.raises(RoomError, match="room blue is full: two ends are in it"):
            await enter(options, say=print)


async def test_a_call_with_h264_beside_it_is_with_one_other_end() -> None:
    call, *_ = parse_arguments(["--room", "blue", "--mode", "compare"])
    assert call.others == 1


def test_a_flag_serves_both_directions() -> None:
    call, sending, receiving = parse_arguments(["--room", "blue", "--size", "512", "--sound-kbps", "12"])
    assert (call.room, sending.size, receiving.size, sending.sound_kbps) == ("blue", 512, 512, 12.0)
    assert receiving.sound


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (8, 4)])
def test_both_directions_share_the_cores(cores: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    _, *both = parse_arguments(["--room", "blue"])
    assert [options.threads for options in both] == [threads] * 2
    _, *both = parse_arguments(["--room", "blue", "--threads", "3"])
    assert [options.threads for options in both] == [3, 3], "who asks gets what was asked for"


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (["--microphone", "input", "--output", "null"], 1, "--microphone input: webcam:0 is no file"),
        (["--output", "null", "--input", "absent.mp4", "--microphone", "none"], 1, "absent.mp4"),
        (["--output", "null", "--signal", "ws://127.0.0.1:9", "--input", str(SAMPLE)], 2, "no signaling server"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str], status: int, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) in (status, 2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert problem in lines[0]


@pytest.mark.parametrize(
    "arguments", [["--output", "a.avi"], ["--others", "4"], ["--seconds", "0"], ["--sound-kbps", "5"]]
)
def test_options_that_make_no_sense(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 2
