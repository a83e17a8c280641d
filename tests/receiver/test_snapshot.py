"""A picture as a file: exact, and it says what it is. The words of a window. What its keys ask for is done."""

import asyncio
import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as Pillow

import receiver.destinations
from codec.pictures.video import RECONSTRUCTED
from receiver.destinations import Destinations
from receiver.errors import DisplayError
from receiver.figures.meter import Meter
from receiver.outputs.output import NullOutput
from receiver.outputs.overlay import Status, figures_line, one_of_several
from receiver.outputs.snapshot import save_snapshot
from receiver.picture import Picture
from signaling.transport.costs import Kind

IMAGE = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)


@pytest.mark.parametrize(("kind", "says"), [("keypoints", RECONSTRUCTED), ("h264", "H.264")])
def test_a_snapshot_is_exact_and_says_what_it_is(tmp_path: Path, kind: Kind, says: str) -> None:
    path = tmp_path / "new" / "a.png"
    save_snapshot(Picture(kind, 0, 0, IMAGE), path)
    with Pillow.open(path) as read:
        read.load()
        assert (np.asarray(read) == IMAGE).all()
        assert says in read.info["Description"]
        assert says in read.info["Title"]
    with av.open(str(path)) as container:
        assert (next(container.decode(video=0)).to_ndarray(format="rgb24") == IMAGE).all()


def test_a_snapshot_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DisplayError, match=r"a\.png: cannot be written"):
        save_snapshot(Picture("h264", 0, 0, IMAGE), tmp_path / "file" / "a.png")


class Shown(NullOutput):
    """A window whose keys are at hand."""

    def __init__(self, pressed: Any) -> None:
        self.press = pressed
        self.told: list[Status] = []

    def tell(self, status: Status) -> None:
        self.told.append(status)


async def test_keys_do_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    windows: list[Shown] = []

    def open_output(*_: object, pressed: Any, **__: object) -> Shown:
        windows.append(Shown(pressed))
        return windows[0]

    monkeypatch.setattr(receiver.destinations, "open_output", open_output)
    monkeypatch.chdir(tmp_path)
    destinations = Destinations()
    last = tmp_path / "last.png"
    await destinations.open("window", record=None, sound=True, size=64, ended=lambda _: None, snapshot=last)
    (window,), switched = windows, list[str]()
    destinations.offer("microphone", lambda: switched.append("microphone"))
    destinations.tell(voice=True)
    for key in ("snapshot", "voice", "microphone", "nonsense"):
        window.press(key)
    await asyncio.sleep(0)
    assert window.told[-2].news == "there is no picture yet"
    assert window.told[-1].voice is False
    assert not destinations._is_audible()
    assert switched == ["microphone"]
    destinations.show(Picture("keypoints", 0, 0, IMAGE))
    window.press("snapshot")
    window.press("snapshot")
    await asyncio.sleep(0)
    assert sum(name.startswith("facewire-") for name in os.listdir(".")) == 2
    await destinations.close()
    with Pillow.open(last) as read:
        assert read.info["Title"] == RECONSTRUCTED


def test_what_is_off_and_what_can_be_asked_for() -> None:
    words = Status(microphone=False, voice=None, news="hello").words()
    assert words["off"] == ["microphone muted"]
    assert words["can"] == ["snapshot", "microphone"]
    assert words["news"] == "hello"


def test_the_figures_are_those_of_the_codec_that_is_shown() -> None:
    meter = Meter()
    flow = {"payload_kbps": 7.24, "wire_kbps": 14.3, "delay_ms": 148.2, "loss": 0.1}
    figures: dict[str, Any] = {"showing": "keypoints", "keypoints": flow, "shown_fps": 24.9, "h264": {}}
    assert figures_line(figures) == "keypoints  7.2 kbps  (wire 14.3)\n25 fps  148 ms  10% lost"
    figures = {"showing": "h264", "h264": flow | {"delay_ms": None, "loss": None}, "shown_fps": 25.0}
    assert figures_line(figures) == "H.264  7.2 kbps  (wire 14.3)\n25 fps"
    assert figures_line({"showing": None}) == ""
    snapshot = meter.snapshot(now_us=1_000_000)
    assert set(flow) | {"shown_fps"} <= set(snapshot["keypoints"]) | set(snapshot)


def test_figures_of_one_of_several_take_one_row() -> None:
    flow = {"payload_kbps": 7.24, "delay_ms": 147.6}
    assert one_of_several({"showing": "keypoints", "shown_fps": 14.8, "keypoints": flow}) == "7.2 kbps  15 fps  148 ms"
    assert one_of_several({"showing": None}) == "no picture yet"
