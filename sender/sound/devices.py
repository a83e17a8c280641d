"""Stage 1, sound: a microphone, by PortAudio (the extra `call`)."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import av
import numpy as np

from codec.input.sound import Mono
from sender.errors import SourceError
from sender.sound.sources import Block
from signaling.printable import reason_of
from signaling.threads import tell_loop

__all__ = ["Microphone"]


class Microphone:
    """The system's microphone, or the one that `device` names, at whatever rate and in however many channels it has."""

    def __init__(self, device: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        self.label = f"microphone {device}".rstrip()
        self._device = device or None
        self._clock = clock

    async def run(self, deliver: Callable[[Block], None]) -> None:
        """Records until it is cancelled. Raises SourceError where there is no microphone, or none any more."""
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        try:
            stream = self._open(lambda block: tell_loop(loop, deliver, block), lambda: tell_loop(loop, gone.set))
        except ImportError:
            raise SourceError(f"{self.label}: needs sounddevice: pip install 'facewire[call]'") from None
        except Exception as error:  # of PortAudio, or OSError where that is not installed
            raise SourceError(f"{self.label}: cannot be opened: {reason_of(error)}") from None
        with stream:  # begun already; leaving ends it
            await gone.wait()
        raise SourceError(f"{self.label}: gone")

    def _open(self, deliver: Callable[[Block], None], ended: Callable[[], None]) -> Any:
        """A stream that has begun."""
        import sounddevice

        about = sounddevice.query_devices(self._device, "input")
        rate, channels = round(about["default_samplerate"]), min(2, about["max_input_channels"])
        mono = Mono()

        def heard(data: Any, frames: int, times: Any, status: Any) -> None:
            captured_s = self._clock() - max(0.0, times.currentTime - times.inputBufferAdcTime)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(data.T), format="fltp", layout="stereo" if channels == 2 else "mono"
            )
            frame.sample_rate = rate
            deliver(Block(mono.samples(frame), captured_s))

        stream = sounddevice.InputStream(
            device=self._device,
            samplerate=rate,
            channels=channels,
            dtype="float32",
            callback=heard,
            finished_callback=ended,
        )
        stream.start()
        return stream
