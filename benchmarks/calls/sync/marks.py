"""Stage 1, capture (made input): a clip whose picture and sound mark the same moments.

The speaker leans to one side and at the next mark, from one picture to the next, to the other; with each a voiced
burst begins. A flash would be clearer to the eye, but keypoints do not carry it: a lean is what they are made for.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.clips.clip import load_clip, resampled, to_and_fro
from codec.sound import SAMPLE_RATE, Samples

__all__ = ["GRID", "LEAST_APART_S", "mark_times", "reduced", "sides", "voice", "write_marked"]

LEAN_DEG = 5.0
LEAST_APART_S, MOST_APART_S = 1.0, 1.6  # further apart than any delay, unevenly: no mark is taken for another
BURST_S, EDGE_S = 0.12, 0.002
PITCH_HZ = 200.0
HARMONICS = 7
GRID = 32  # pictures are judged at this size

Grey = NDArray[np.uint8]  # (GRID, GRID)


def mark_times(seconds: float, *, fps: float, seed: int = 13) -> list[float]:
    """Moments in seconds, each on a picture of its own."""
    random, times, at_s = np.random.default_rng(seed), [], LEAST_APART_S
    while at_s < seconds - BURST_S:
        times.append(round(at_s * fps) / fps)
        at_s += random.uniform(LEAST_APART_S + 1 / fps, MOST_APART_S)
    return times


def voice(times_s: Sequence[float], *, seconds: float) -> Samples:
    """Silence, and a burst that begins at each moment. # (N,) float32"""
    samples = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    t_s = np.arange(round(BURST_S * SAMPLE_RATE)) / SAMPLE_RATE
    edge = np.minimum(1.0, np.minimum(t_s, BURST_S - t_s) / EDGE_S)
    burst = edge * sum(np.sin(2 * np.pi * PITCH_HZ * n * t_s) / n for n in range(1, HARMONICS + 1))
    burst *= 0.6 / np.abs(burst).max()
    for at_s in times_s:
        first = round(at_s * SAMPLE_RATE)
        samples[first : first + len(burst)] = burst[: len(samples) - first]
    return samples


def write_marked(source: Path, path: Path, *, size: int, seconds: float, fps: int) -> list[float]:
    """Writes `source`, leaning and voiced, to a Matroska file; when its marks are. Raises ClipError."""
    pictures = to_and_fro(resampled(load_clip(source, size=size, seconds=seconds), fps=fps)).pictures
    times_s = mark_times(seconds, fps=fps)
    samples = np.rint(32767 * voice(times_s, seconds=seconds)).astype(np.int16)
    turns = [_turn(size, lean_deg) for lean_deg in (-LEAN_DEG, LEAN_DEG)]
    step = SAMPLE_RATE // fps
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=fps, options={"crf": "12", "tune": "zerolatency"})
        video.width = video.height = size
        video.pix_fmt = "yuv420p"
        audio: Any = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for index in range(round(seconds * fps)):
            passed = int(np.searchsorted(times_s, index / fps + 1e-6))
            leaning = _leaning(pictures[index % len(pictures)], turns[passed % 2])
            container.mux(video.encode(av.VideoFrame.from_ndarray(leaning, format="rgb24")))
            part = samples[None, index * step : (index + 1) * step]
            heard = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            heard.sample_rate, heard.pts = SAMPLE_RATE, index * step
            container.mux(audio.encode(heard))
        container.mux(video.encode())
        container.mux(audio.encode())
    return times_s


def _leaning(image_rgb: NDArray[np.uint8], turn: NDArray[np.float64]) -> NDArray[np.uint8]:
    side = image_rgb.shape[0]
    return np.asarray(cv2.warpAffine(image_rgb, turn, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _turn(size: int, angle_deg: float) -> NDArray[np.float64]:
    return np.asarray(cv2.getRotationMatrix2D((size / 2, size), angle_deg, 1.0), np.float64)  # about the chest


def reduced(image_rgb: NDArray[np.uint8]) -> Grey:
    """A picture, uint8 (S, S, 3), as far as its side is told by."""
    return np.asarray(
        cv2.resize(cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY), (GRID, GRID), interpolation=cv2.INTER_AREA), np.uint8
    )


def sides(source: Path, greys: NDArray[np.uint8], *, size: int) -> NDArray[np.float32]:
    """For pictures (N, GRID, GRID): negative where the speaker leans as before the first mark, positive as after it.

    By which of the two leaning means of the clip a picture is nearer to, in units of what lies between them: -0.5 and
    0.5 are those means.
    """
    mean = load_clip(source, size=size, seconds=10.0).pictures.mean(axis=0).astype(np.uint8)
    before, after = (reduced(_leaning(mean, _turn(size, angle))) for angle in (-LEAN_DEG, LEAN_DEG))
    axis = after.astype(np.float32) - before
    middle = (after.astype(np.float32) + before) / 2
    return np.asarray(((greys - middle) * axis).sum(axis=(1, 2)) / np.square(axis).sum(), np.float32)
