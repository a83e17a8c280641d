"""A camera for other programs: pictures as they come, the last one again in between, and what is missing is named."""

import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import receiver.outputs.camera
from receiver.errors import DisplayError
from receiver.options import CallOptions
from receiver.outputs.camera import CameraOutput
from receiver.outputs.display import open_output
from receiver.picture import Picture
from signaling.errors import OptionsError


class Camera:
    """pyvirtualcam.Camera, as its documentation has it."""

    def __init__(self, *, width: int, height: int, fps: float, device: str | None) -> None:
        self.shape, self.fps, self.device = (height, width, 3), fps, device or "/dev/video7"
        self.sent: list[np.ndarray[Any, Any]] = []
        self.enough, self.closed = threading.Event(), False

    def send(self, frame: np.ndarray[Any, Any]) -> None:
        assert frame.shape == self.shape
        assert frame.dtype == np.uint8
        if self.device == "/dev/broken":
            raise RuntimeError("the device is gone")
        self.sent.append(frame)
        if len(self.sent) >= 4:
            self.enough.set()

    def close(self) -> None:
        self.closed = True


class NoDevice(Camera):
    """What pyvirtualcam does where nothing is there."""

    def __init__(self, **_: object) -> None:
        raise RuntimeError("'v4l2loopback' backend: No v4l2 loopback device found at /dev/video[0-99].\nDid you?")


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("pyvirtualcam")
    module.Camera = Camera  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    monkeypatch.setattr(receiver.outputs.camera, "find_spec", lambda _: True)
    return module


def picture(level: int, *, shape: tuple[int, int] = (64, 64)) -> Picture:
    return Picture("keypoints", 0, 0, np.full((*shape, 3), level, np.uint8))


def test_pictures_of_any_shape_reach_it_and_the_last_is_given_again(library: ModuleType) -> None:
    output = open_output("camera", size=64, ended=lambda _: None)
    assert isinstance(output, CameraOutput)
    assert output.device == "/dev/video7"
    camera = output._camera
    output.show(picture(200, shape=(90, 160)))
    assert camera.enough.wait(60)
    output.close()
    assert camera.closed
    assert camera.sent[-1][0].max() == 0  # black above and below: it keeps its shape
    assert camera.sent[-1][32].min() > 190


def test_a_certain_device_is_asked_for(library: ModuleType) -> None:
    output = open_output("camera:/dev/video2", size=64, ended=lambda _: None)
    assert isinstance(output, CameraOutput)
    assert output.device == "/dev/video2"
    output.close()


def test_one_that_vanishes_ends_the_output_and_says_so(library: ModuleType) -> None:
    ended = threading.Event()
    output = open_output("camera:/dev/broken", size=64, ended=lambda _: ended.set())
    output.show(picture(1))
    assert ended.wait(60)
    with pytest.raises(DisplayError, match="/dev/broken takes no pictures any more: the device is gone"):
        output.close()


@pytest.mark.parametrize(
    ("platform", "help_"), [("linux", "modprobe v4l2loopback"), ("darwin", "OBS Studio"), ("win32", "OBS Studio")]
)
def test_no_device_is_one_line_that_says_what_to_install(
    library: ModuleType, monkeypatch: pytest.MonkeyPatch, platform: str, help_: str
) -> None:
    library.Camera = NoDevice  # type: ignore[attr-defined]
    monkeypatch.setattr(receiver.outputs.camera.sys, "platform", platform)
    with pytest.raises(DisplayError, match="no virtual camera: 'v4l2loopback' backend: No v4l2") as raised:
        open_output("camera", size=64, ended=lambda _: None)
    assert help_ in str(raised.value)
    assert "\n" not in str(raised.value)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver.outputs.camera, "find_spec", lambda _: None)
    with pytest.raises(DisplayError, match=r"pip install 'facewire\[camera\]'"):
        open_output("camera", size=64, ended=lambda _: None)


@pytest.mark.skipif(importlib.util.find_spec("pyvirtualcam") is None, reason="pyvirtualcam not installed")
def test_the_library_itself_says_no_in_one_line_where_there_is_no_such_device() -> None:
    with pytest.raises(DisplayError, match="no virtual camera: "):
        open_output("camera:/dev/facewire-has-none", size=64, ended=lambda _: None)


def test_the_option_is_checked() -> None:
    for name in ("camera", "camera:/dev/video3", "a.MKV"):
        assert CallOptions(room="r", output=name).output == name
    with pytest.raises(OptionsError, match="expected window, null, camera, or a file name"):
        CallOptions(room="r", output="cameras")
