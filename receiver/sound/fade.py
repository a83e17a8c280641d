"""Stage 8, sound: what Opus makes up fades away, and the voice comes back softly.

Opus's own concealment goes on for as long as it is asked, ever duller: a hum that stays where a line is cut.
"""

import numpy as np

from codec.sound import SAMPLE_RATE, Samples

__all__ = ["Fade"]

_FULL_S = 0.12  # of made-up sound that is heard as it is: what a lost message or two are, stretched
_FADING_S, _RISING_S = 0.2, 0.02


class Fade:
    """Follows how long sound has been made up, and what it is played at. Frames come in order."""

    def __init__(self) -> None:
        self._made_up_s = 0.0
        self._gain = 1.0

    def pass_on(self, samples: Samples, *, made_up: bool) -> Samples:
        """The samples of one frame, as loud as they are to be heard."""
        seconds = len(samples) / SAMPLE_RATE
        self._made_up_s = self._made_up_s + seconds if made_up else 0.0
        if not made_up and self._gain == 1.0:
            return samples
        if made_up and self._made_up_s <= _FULL_S:
            return samples if self._gain == 1.0 else samples * np.float32(self._gain)
        step = -1 / (_FADING_S * SAMPLE_RATE) if made_up else 1 / (_RISING_S * SAMPLE_RATE)
        gains: Samples = np.clip(self._gain + step * np.arange(1, len(samples) + 1), 0.0, 1.0).astype(np.float32)
        self._gain = float(gains[-1])
        faded: Samples = samples * gains
        return faded
