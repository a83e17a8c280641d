"""Stage 1, capture (made input): two who speak, and a room in which the one comes out of a loudspeaker."""

import shutil
import subprocess
from dataclasses import dataclass

import av
import numpy as np

from benchmarks.errors import SettingError
from codec.input.sound import Mono
from codec.sound import SAMPLE_RATE, Samples

__all__ = ["ALONE_S", "BOTH_S", "NEAR_S", "Scene", "echo_of", "make_scene", "spoken"]

ALONE_S, NEAR_S, BOTH_S = 16.0, 8.0, 16.0  # the far end alone, then the near end, then both at once
LEVEL_DB = -26.0  # of both voices while they speak, against full scale
NOISE_DB = -65.0  # of the microphone
DECAY_S = 0.08  # in which the room's echo falls by 60 dB
DRIVEN = 0.25  # where the loudspeaker begins to clip: the voices peak at about that

FAR, NEAR = ("en-gb", "en-us+f3")  # voices of espeak-ng
FAR_TEXT = """The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy to tell
the depth of a well. These days a chicken leg is a rare dish. Rice is often served in round bowls. The juice of lemons
makes fine punch. The box was thrown beside the parked truck. The hogs were fed chopped corn and garbage. Four hours of
steady work faced us. A large size in stockings is hard to sell."""
NEAR_TEXT = """The boy was there when the sun rose. A rod is used to catch pink salmon. The source of the huge river is
the clear spring. Kick the ball straight and follow through. Help the woman get back to her feet. A pot of tea helps to
pass the evening. Smoky fires lack flame and heat. The soft cushion broke the man's fall."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is played, what is said beside it, and the noise of the microphone: all of one length. # (N,)"""

    far: Samples
    near: Samples
    noise: Samples


def make_scene() -> Scene:
    """The far end alone, the near end alone, both. Raises SettingError where espeak-ng is not installed."""
    far, near = spoken(FAR_TEXT, voice=FAR), spoken(NEAR_TEXT, voice=NEAR)
    alone, middle, both = (round(seconds * SAMPLE_RATE) for seconds in (ALONE_S, NEAR_S, BOTH_S))
    noise = np.random.default_rng(1).standard_normal(alone + middle + both) * 10 ** (NOISE_DB / 20)
    return Scene(
        far=np.concatenate([_long(far, alone), np.zeros(middle, np.float32), _long(far, both)]),
        near=np.concatenate([np.zeros(alone, np.float32), _long(near, middle + both)]),
        noise=noise.astype(np.float32),
    )


def spoken(text: str, *, voice: str) -> Samples:
    """What espeak-ng says, at `LEVEL_DB` while it speaks. # (N,)  Raises SettingError where it is not installed."""
    if shutil.which("espeak-ng") is None:
        raise SettingError("espeak-ng, which speaks here, is not installed: apt-get install espeak-ng")
    command = ["espeak-ng", "-v", voice, "-s", "150", "--stdout", " ".join(text.split())]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    rate, at = int.from_bytes(said[24:28], "little"), said.index(b"data") + 8
    whole = np.frombuffer(said[at : at + (len(said) - at) // 2 * 2], "<i2")
    frame = av.AudioFrame.from_ndarray(whole[None], format="s16", layout="mono")
    frame.sample_rate = rate
    mono = Mono()
    samples = np.concatenate([mono.samples(frame), mono.samples(None)])
    speaking = np.abs(samples) > 0.02 * np.abs(samples).max()
    return np.asarray(samples * 10 ** (LEVEL_DB / 20) / np.sqrt(np.mean(samples[speaking] ** 2)), np.float32)


def echo_of(played: Samples, *, loudness_db: float, delay_ms: float, drift_ppm: float) -> Samples:
    """What the microphone hears of it: late, from a loudspeaker that clips a little, and from all walls. # (N,)

    It is so loud against what is played. `delay_ms` is from when the loudspeaker is given something until it is in the
    microphone's samples, whose clock is slower by `drift_ppm`.
    """
    walls = np.random.default_rng(2).standard_normal(round(2 * DECAY_S * SAMPLE_RATE))
    walls *= 10 ** (-3 * np.arange(len(walls)) / (DECAY_S * SAMPLE_RATE))
    walls[: round(0.002 * SAMPLE_RATE)] = 0.0
    walls[0] = np.abs(walls).max()  # the way there is shorter than any by the walls
    size = 1 << (len(played) + len(walls)).bit_length()
    driven = DRIVEN * np.tanh(played / DRIVEN)
    back = np.fft.irfft(np.fft.rfft(driven, size) * np.fft.rfft(walls, size), size)[: len(played)]
    back *= 10 ** (loudness_db / 20) * np.sqrt(np.mean(played**2) / np.mean(back**2))
    places = np.arange(len(played)) * (1 + drift_ppm * 1e-6) - delay_ms * SAMPLE_RATE / 1000
    return np.asarray(np.interp(places, np.arange(len(played)), back, left=0.0, right=0.0), np.float32)


def _long(samples: Samples, count: int) -> Samples:
    return np.resize(samples, count)
