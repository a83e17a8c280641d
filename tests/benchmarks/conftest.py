"""Clips without people: textured squares that move, made on the spot; meter lines of calls that were not run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.calls.call import CallRun, Memory
from benchmarks.clips.clip import Clip

WriteVideo = Callable[..., Path]
Meter = Callable[..., dict[str, Any]]
ACall = Callable[..., CallRun]


def moving_texture(frames: int, height: int, width: int) -> NDArray[np.uint8]:
    """Soft noise that slides two pixels a frame. # (T, height, width, 3)"""
    rng = np.random.default_rng(5)
    coarse = rng.integers(40, 216, (height // 8 + 2, (width + 2 * frames) // 8 + 2, 3)).astype(np.uint8)
    wide = coarse.repeat(8, axis=0).repeat(8, axis=1)
    return np.stack([wide[:height, 2 * t : 2 * t + width] for t in range(frames)])


@pytest.fixture(scope="session")
def clip() -> Clip:
    return Clip(name="texture", fps=25.0, pictures=moving_texture(15, 256, 256))


@pytest.fixture
def write_video(tmp_path: Path) -> WriteVideo:
    def write(name: str = "clip.mp4", *, frames: int = 6, height: int = 96, width: int = 128, fps: int = 25) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=fps, options={"crf": "12", "threads": "1"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for picture in moving_texture(frames, height, width):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write


def meter(time_s: float, *, frames: int) -> dict[str, Any]:
    """A line of either meter, after so many frames."""
    return {
        "time_s": time_s,
        "shown_fps": 30.0,
        "counts": {"shown": frames, "dropped": 2},
        "playout": {"interpolated": 3},
        "dropped": {},
        "keypoints": {"totals": {"frames": frames}},
        "h264": {"totals": {"frames": 0}},
    }


def a_call(*, frames_a_second: int = 30) -> CallRun:
    lines = tuple(meter(float(second), frames=second * frames_a_second) for second in range(1, 6))
    return CallRun(lines, lines, {"sender": Memory(300.0, 320.0), "receiver": Memory(200.0, 210.0)})


@pytest.fixture(name="meter")
def _meter() -> Meter:
    return meter


@pytest.fixture(name="a_call", scope="session")
def _a_call() -> ACall:
    return a_call
