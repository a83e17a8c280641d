"""Stage 10, sound: what is heard goes to a loudspeaker (PortAudio, the extra `call`), and into a file."""

import asyncio
import contextlib
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from aiortc.mediastreams import MediaStreamError

from codec.sound import SAMPLE_RATE, Samples
from receiver.errors import DisplayError
from receiver.sound.mixer import Pulled
from receiver.sound.track import SoundTrack
from signaling.printable import reason_of
from signaling.threads import tell_loop

__all__ = ["SPEAKER_HELP", "GivenOut", "Listener", "SoundFile", "hear", "listen", "nobody", "play"]

SPEAKER_HELP = "where sound goes: default, the name of a device, or none"

Listener = Callable[[Samples, int], None]  # what is heard, and when on the event loop's clock, in microseconds
GivenOut = Callable[[Samples], None]  # what a loudspeaker is given, in its order

_LARGEST = 0xF000_0000  # bytes of a WAV file, whose lengths have 32 bits: twelve hours
_BLOCK_S = 0.02


class SoundFile:
    """FILE.wav, 16 bits, mono, 48 kHz: playable at any moment, because each write brings its length up to date.

    Raises DisplayError where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = wave.open(str(path), "wb")  # noqa: SIM115 -- closed by `close`
        except OSError as error:
            raise DisplayError(f"{path}: cannot write: {reason_of(error)}") from None
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(SAMPLE_RATE)

    def write(self, samples: Samples) -> None:
        """Adds samples, float32 (N,); what a WAV file cannot hold any more is left out."""
        if self._file.tell() * 2 >= _LARGEST:
            return
        whole = np.clip(np.rint(samples * 32767), -32768, 32767).astype("<i2")
        try:
            self._file.writeframes(whole.tobytes())
        except OSError as error:
            raise DisplayError(f"{self._path}: cannot write: {reason_of(error)}") from None

    def close(self) -> None:
        """Closes the file."""
        with contextlib.suppress(OSError):
            self._file.close()


async def listen(track: SoundTrack, heard: Listener) -> None:
    """Reads a voice at its own pace, without a device, until it ends."""
    with contextlib.suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            heard(frame.to_ndarray()[0].astype(np.float32) / 32768, track.due_us(frame))


def nobody(samples: Samples) -> None:
    """Takes no notice of what a loudspeaker is given."""


async def play(
    playout: Pulled,
    heard: Listener,
    *,
    device: str = "",
    is_on: Callable[[], bool] = lambda: True,
    played: GivenOut = nobody,
) -> None:
    """Plays a voice on the system's loudspeaker, or on `device`, until it is cancelled; `heard` is told what is played.

    While it is not `is_on` the loudspeaker is silent, and all else goes on. `played` is told what the loudspeaker is
    given, before it can be heard.

    Raises DisplayError where there is no loudspeaker, or none any more.
    """
    loop, gone = asyncio.get_running_loop(), asyncio.Event()

    def wanted(data: Any, frames: int, times: Any, status: Any) -> None:
        now_us = round(loop.time() * 1e6)
        ahead_us = round(1e6 * max(0.0, times.outputBufferDacTime - times.currentTime))
        samples = playout.pull(frames, play_us=now_us + ahead_us, now_us=now_us)
        given_out = samples if is_on() else np.zeros_like(samples)
        data[:] = given_out[:, None]
        tell_loop(loop, played, given_out)
        tell_loop(loop, heard, samples, now_us + ahead_us)

    try:
        import sounddevice

        stream = sounddevice.OutputStream(
            device=device or None,
            samplerate=SAMPLE_RATE,
            blocksize=round(_BLOCK_S * SAMPLE_RATE),
            channels=1,
            dtype="float32",
            callback=wanted,
            finished_callback=lambda: tell_loop(loop, gone.set),
        )
        stream.start()
    except ImportError:
        raise DisplayError("the loudspeaker needs sounddevice: pip install 'facewire[call]'") from None
    except Exception as error:  # of PortAudio, or OSError where that is not installed
        raise DisplayError(f"the loudspeaker cannot be opened: {reason_of(error)}") from None
    with stream:
        await gone.wait()
    raise DisplayError("the loudspeaker is gone")


async def hear(
    playout: Pulled,
    track: SoundTrack,
    heard: Listener,
    *,
    speaker: str,
    say: Callable[[str], None],
    is_on: Callable[[], bool] = lambda: True,
    played: GivenOut = nobody,
) -> None:
    """A voice on the loudspeaker that `speaker` names, until it ends or is cancelled; `heard` is told what is played,
    and `played` what the loudspeaker is given.

    Where there is no loudspeaker, or none any more, that is said once and the voice is read all the same: pictures go
    by it, and a recording has it.
    """
    if speaker != "none":
        try:
            await play(playout, heard, device="" if speaker == "default" else speaker, is_on=is_on, played=played)
        except DisplayError as error:
            say(f"{error}; the call goes on without")
    await listen(track, heard)
