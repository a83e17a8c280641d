"""Where sound goes: a file that can be played at any moment, and without a loudspeaker the call goes on."""

import asyncio
import sys
import threading
import wave
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from codec.sound import Samples, SoundConfig, SoundEncoder, SoundMessage
from receiver.errors import DisplayError
from receiver.sound import SoundIntake, SoundPlayout, SoundTrack
from receiver.sound.outputs import SoundFile, hear, play


def test_a_file_can_be_played_while_it_is_written(tmp_path: Path) -> None:
    file = SoundFile(tmp_path / "new" / "sound.wav")
    samples = np.linspace(-1, 1, 960, dtype=np.float32)
    for _ in range(3):
        file.write(samples)
    file._file._file.flush()  # type: ignore[attr-defined]
    with wave.open(str(tmp_path / "new" / "sound.wav")) as read:
        assert (read.getframerate(), read.getnchannels(), read.getnframes()) == (48_000, 1, 2880)
        whole = np.frombuffer(read.readframes(960), "<i2")
    assert (whole[0], whole[-1]) == (-32767, 32767)
    file.close()


def test_a_file_that_cannot_be_written_has_a_name(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("a file")
    with pytest.raises(DisplayError, match="cannot write"):
        SoundFile(tmp_path / "here" / "sound.wav")


class NoPortAudio(ModuleType):
    """sounddevice on a machine without sound."""

    def OutputStream(self, **_: object) -> None:
        raise OSError("Error querying device -1")


class Voice:
    """A clock, and a second of sound that has come."""

    def __init__(self) -> None:
        self.playout = SoundPlayout()
        self.now_s = 0.0
        self.track = SoundTrack(self.playout, clock=self._late)
        encoder, t = SoundEncoder(SoundConfig(dtx=False)), np.arange(1920) / 48_000
        for number in range(20):
            hum = (0.3 * np.sin(2 * np.pi * 200 * (t + 0.04 * number))).astype(np.float32)
            message = SoundMessage(sequence=number, time=3600 * number, frames=(encoder.encode(hum),))
            self.playout.add(message, arrived_us=10_000 + 40_000 * number)

    def _late(self) -> float:
        self.now_s += 0.02
        return self.now_s


@pytest.mark.parametrize("module", [NoPortAudio("sounddevice"), None])
async def test_without_a_loudspeaker_sound_is_read_all_the_same(
    module: ModuleType | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    voice, said, heard = Voice(), list[str](), list[Samples]()

    def keep(samples: Samples, at_us: int) -> None:
        assert at_us % 20_000 == 0
        heard.append(samples)
        if len(heard) == 30:
            voice.track.stop()

    async with asyncio.timeout(20):
        await hear(voice.playout, voice.track, keep, speaker="default", say=said.append)
    assert len(said) == 1
    assert said[0].endswith("; the call goes on without")
    assert max(np.abs(samples).max() for samples in heard) > 0.1
    with pytest.raises(DisplayError, match="loudspeaker"):
        await play(voice.playout, keep)


def test_the_intake_counts_what_is_no_message_and_hands_motion_on() -> None:
    from collections import Counter

    counts, motion = Counter[str](), list[bytes]()
    playout = SoundPlayout()
    intake = SoundIntake(playout, now_us=lambda: 5, on_motion=motion.append, counts=counts)
    assert intake.loss() is None
    for data in (b"", b"\x10", b"\xff" * 30):
        intake.take(data)
    intake.take(bytes(SoundMessage(sequence=0, time=0, frames=(b"", b""), motion=b"moves")))
    intake.take(bytes(SoundMessage(sequence=4, time=9, frames=(b"", b""), repeated=(b"", b""))))
    assert (counts["malformed_sound"], counts["sound_messages"]) == (3, 2)
    assert motion == [b"moves"]
    assert intake.loss() == pytest.approx(2 / 6)  # they came, but not at the first try
    assert intake.loss() is None


class Loudspeaker(ModuleType):
    """sounddevice whose loudspeaker asks for two blocks in a thread of its own, as PortAudio does, and goes."""

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.given: list[Samples] = []

    def OutputStream(self, *, callback: Any, finished_callback: Any, blocksize: int, **_: object) -> Any:
        def run() -> None:
            for _ in range(2):
                data = np.zeros((blocksize, 1), np.float32)
                callback(data, blocksize, SimpleNamespace(outputBufferDacTime=0.0, currentTime=0.0), None)
                self.given.append(data[:, 0])
            finished_callback()

        thread = threading.Thread(target=run)
        stream = nullcontext()
        stream.start = thread.start  # type: ignore[attr-defined]
        return stream


@pytest.mark.parametrize("is_on", [True, False])
async def test_who_takes_the_echo_out_is_told_what_the_loudspeaker_is_given(
    is_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker, told, heard = Loudspeaker(), list[Samples](), list[Samples]()
    monkeypatch.setitem(sys.modules, "sounddevice", speaker)
    playout: Any = SimpleNamespace(pull=lambda count, **_: np.full(count, 0.5, np.float32))
    with pytest.raises(DisplayError, match="gone"):
        await play(playout, lambda samples, at_us: heard.append(samples), is_on=lambda: is_on, played=told.append)
    assert np.array_equal(np.concatenate(told), np.concatenate(speaker.given))
    assert np.concatenate(told).any() == is_on
    assert np.concatenate(heard).all()  # a recording has it all the same
