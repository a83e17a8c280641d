"""Stage 1, material: a tone that stands for a voice."""

import wave
from pathlib import Path

import numpy as np

from codec.sound import SAMPLE_RATE

__all__ = ["write_tone"]


def write_tone(path: Path, frequency: float, *, seconds: float = 10.0) -> None:
    """A tone in syllables, so that it is not taken for a hum: mono, 16 bits."""
    t_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    loud = 0.1 + 0.3 * np.maximum(0.0, np.sin(2 * np.pi * 3 * t_s))
    samples = loud * np.sin(2 * np.pi * round(frequency * seconds) / seconds * t_s)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((32767 * samples).astype("<i2").tobytes())
