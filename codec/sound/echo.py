"""Stage 4, sound: what a loudspeaker plays, taken out of what the microphone beside it hears (the extra `echo`)."""

from importlib.util import find_spec
from typing import Any

import numpy as np

from codec.errors import ExtraMissing
from codec.sound.opus import SAMPLE_RATE, Samples

__all__ = ["ECHO_FRAME", "ECHO_LAG", "EchoCanceller", "has_echo_canceller"]

ECHO_FRAME = SAMPLE_RATE // 100  # samples at a time: the canceller has no other length
ECHO_LAG = 429  # samples that what comes out is behind what went in: the filters that split it into bands

MISSING = "there is no echo canceller: pip install 'facewire[echo]'"


def has_echo_canceller() -> bool:
    """Whether the package is installed that brings one; nothing is loaded."""
    try:
        return find_spec("livekit.rtc") is not None
    except ModuleNotFoundError:  # not even the space that packages of that name share
        return False


class EchoCanceller:
    """The canceller of WebRTC (AEC3), as livekit's wheel brings it; the one place that calls it.

    It finds the delay of the echo by itself, up to half a second, and follows it. Making the first one takes a quarter
    of a second. Raises ExtraMissing where there is none.
    """

    def __init__(self) -> None:
        try:
            from livekit.rtc.apm import AudioProcessingModule
            from livekit.rtc.audio_frame import AudioFrame
        except ImportError as error:  # also of the library inside, where this system has none that fits
            raise ExtraMissing(f"{MISSING} ({error})") from None
        self._frame = AudioFrame
        self._module = AudioProcessingModule(echo_cancellation=True)

    def cancel(self, heard: Samples, *, played: Samples) -> Samples:
        """What a microphone `heard`, (ECHO_FRAME,), without the echo of this and what was `played` before.

        `played` has to be no later than it is heard: what the loudspeaker gives out now, or will.
        """
        self._module.process_reverse_stream(self._packed(played))
        packed = self._packed(heard)
        self._module.process_stream(packed)
        return np.asarray(np.frombuffer(packed.data, "<i2") / 32768, np.float32)

    def _packed(self, samples: Samples) -> Any:
        whole = np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2")
        return self._frame(bytearray(whole.tobytes()), SAMPLE_RATE, 1, ECHO_FRAME)
