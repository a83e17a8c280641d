"""SVT-AV1 by its own interface: the same stream as through FFmpeg, errors by name, nothing left running."""

import gc
import threading
from pathlib import Path

import av
import numpy as np
import pytest

from codec.errors import ConfigError, PictureError
from codec.reference import svt
from codec.reference.av1 import open_av1
from codec.reference.colour import rgb_to_yuv420
from codec.units import Image

SIZE = 128
TASKS = Path("/proc/self/task")

pytestmark = pytest.mark.skipif(not svt.available(), reason="PyAV has another SVT-AV1 than the one known")


def pictures(count: int) -> list[Image]:
    """Planes of a square that wanders over noise."""
    random = np.random.default_rng(1)
    noise = random.integers(60, 190, (SIZE, SIZE, 3), dtype=np.uint8)
    made = []
    for step in range(count):
        picture = noise.copy()
        picture[20 + 4 * step : 70 + 4 * step, 30:90] = (200, 150, 120)
        made.append(rgb_to_yuv420(picture))
    return made


def stream(**changes: object) -> svt.SvtStream:
    settings = {"size": SIZE, "crf": 50, "preset": 8, "parameters": {"pred-struct": "1", "lookahead": "0", "lp": "1"}}
    return svt.SvtStream(**(settings | changes))  # type: ignore[arg-type]


@pytest.mark.skipif("libsvtav1" not in av.codecs_available, reason="PyAV was built without SVT-AV1")
def test_it_is_the_stream_that_ffmpeg_would_write(monkeypatch: pytest.MonkeyPatch) -> None:
    units = {}
    for name in ("own", "through FFmpeg"):
        if name != "own":
            monkeypatch.setattr(svt, "available", lambda: False)
        opened = open_av1(SIZE, 50, -20, 6)
        units[name] = [opened.encode(picture, crf=50)[0] for picture in pictures(4)]
        opened.close()
    assert units["own"] == units["through FFmpeg"]


def test_a_step_holds_until_another_is_asked_for() -> None:
    opened, steady = stream(), stream()
    made = pictures(5)
    sizes = [len(opened.encode(picture, crf=crf)[0]) for picture, crf in zip(made, (50, 50, 63, 63, 30), strict=True)]
    same = [len(steady.encode(picture, crf=50)[0]) for picture in made]
    assert sizes[:2] == same[:2]
    assert sizes[2] < same[2]
    assert sizes[3] < same[3]
    assert sizes[4] > same[4]


def test_other_sizes_are_refused_and_the_stream_goes_on() -> None:
    opened = stream()
    with pytest.raises(PictureError, match="128x128"):
        opened.encode(np.zeros((SIZE, SIZE), np.uint8), crf=50)
    assert opened.encode(pictures(1)[0], crf=50)[0]


@pytest.mark.parametrize("wrong", [{"crf": "none"}, {"parameters": {"no-such-setting": "1"}}, {"size": 2}])
def test_settings_that_it_does_not_take_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="SVT-AV1 does not"):
        stream(**wrong)


@pytest.mark.skipif(not TASKS.is_dir(), reason="this system does not list its threads")
@pytest.mark.parametrize("coded", [0, 2])
def test_its_threads_end_with_it(coded: int) -> None:
    before = len(list(TASKS.iterdir())) - threading.active_count()
    opened = stream()
    for picture in pictures(coded):
        opened.encode(picture, crf=50)
    assert len(list(TASKS.iterdir())) - threading.active_count() > before
    del opened
    gc.collect()
    assert len(list(TASKS.iterdir())) - threading.active_count() <= before
