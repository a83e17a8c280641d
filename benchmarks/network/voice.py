"""Stage 1, capture (sound), measured: something like a voice, made here so that there is nobody's."""

import wave
from pathlib import Path

import numpy as np

from codec.sound import SAMPLE_RATE

__all__ = ["write_voice"]

_SYLLABLE_S, _PHRASE_S, _PAUSE_S = 0.22, 2.2, 0.8


def write_voice(path: Path, *, seconds: float) -> None:
    """Harmonics of 120 Hz that swell and fade as syllables do, in phrases with pauses between: 16 bits, mono."""
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch_hz = 120 + 12 * np.sin(2 * np.pi * 0.7 * time_s)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE
    voice = sum((np.sin(k * phase) / k for k in range(1, 16)), np.zeros_like(time_s))
    swell = np.sin(np.pi * (time_s % _SYLLABLE_S) / _SYLLABLE_S) ** 2
    speaks = (time_s % (_PHRASE_S + _PAUSE_S)) < _PHRASE_S
    samples = np.rint(6000 * voice * swell * speaks).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())
