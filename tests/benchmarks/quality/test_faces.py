"""Stage 10, display (as judged): identity, landmarks and windows, with networks that see a white square."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.errors import NetsMissing, SettingError
from benchmarks.quality.face_frames import mean_of_known
from benchmarks.quality.face_mesh import (
    POINTS,
    FaceMesh,
)
from benchmarks.quality.faces import FaceNetworks
from benchmarks.quality.identity import Identity
from benchmarks.quality.metrics import measure

SIDE = 256
FACE = 20  # half the width of the white square
INTEROCULAR = 1.5 * FACE


class WhiteSquareNet:
    """Stands for the mesh network: finds a white square by its centre and width, and is sure when it is there."""

    def __init__(self, template: NDArray[np.float64]) -> None:
        self.template = template

    def setInput(self, blob: NDArray[np.float32]) -> None:
        assert blob.shape == (1, 3, SIDE, SIDE)
        assert 0 <= blob.min() <= blob.max() <= 1
        self.white = blob[0, 0] > 0.75

    def forward(self, names: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        ys, xs = np.nonzero(self.white)
        if not len(xs):
            return np.zeros(3 * POINTS, np.float32), np.full((1, 1), -9, np.float32)
        scale = np.sqrt(len(xs)) / (2 * FACE)
        points = np.column_stack([self.template * scale + (xs.mean(), ys.mean()), np.zeros(POINTS)])
        return points.astype(np.float32).reshape(1, -1, 1, 1), np.full((1, 1), 9, np.float32)


class MeanColourNet:
    """Stands for the recognition network: a picture's mean colours are who it is."""

    def setInput(self, blob: NDArray[np.float32]) -> None:
        assert blob.shape == (1, 3, 112, 112)
        self.blob = blob

    def forward(self) -> NDArray[np.float32]:
        return self.blob.mean(axis=(2, 3))


@pytest.fixture
def networks(template: NDArray[np.float64], monkeypatch: pytest.MonkeyPatch) -> FaceNetworks:
    class Net(WhiteSquareNet):
        def getUnconnectedOutLayersNames(self) -> list[str]:
            return ["Identity", "Identity_1", "Identity_2"]

    monkeypatch.setattr(cv2.dnn, "readNetFromTFLite", lambda path: Net(template))
    monkeypatch.setattr(cv2.dnn, "readNetFromONNX", lambda path: MeanColourNet())
    return FaceNetworks(Path("mesh"), Path("identity"))


def face_at(x: int, y: int, *, colour: tuple[int, int, int] = (255, 255, 255)) -> NDArray[np.uint8]:
    picture = np.full((SIDE, SIDE, 3), 30, np.uint8)
    picture[y - FACE : y + FACE, x - FACE : x + FACE] = colour
    return picture


def test_the_same_picture_is_the_same_face(networks: FaceNetworks) -> None:
    pictures = np.stack([face_at(120, 130), face_at(122, 130)])
    frames = networks.find(pictures).compare(pictures)
    np.testing.assert_allclose(frames.identity, 1)
    for track in (frames.landmark_percent, frames.lips_percent, frames.lids_percent, frames.gaze_percent):
        np.testing.assert_array_equal(track, 0)
    np.testing.assert_array_equal(frames.mouth_mse, 0)
    np.testing.assert_array_equal(frames.mouth_decoded, frames.mouth_original)
    np.testing.assert_allclose(frames.interocular, INTEROCULAR, rtol=0.03)
    assert np.isnan(frames.mouth_lpips).all()
    assert frames.without_face == 0


@pytest.mark.parametrize(("dx", "dy"), [(3, 0), (0, -4), (6, 8)])
def test_a_shifted_face_is_off_by_its_shift(networks: FaceNetworks, dx: int, dy: int) -> None:
    found = networks.find(face_at(120, 130)[None])
    frames = found.compare(face_at(120 + dx, 130 + dy)[None])
    expected = 100 * np.hypot(dx, dy) / INTEROCULAR
    for track in (frames.landmark_percent, frames.lips_percent, frames.lids_percent):
        np.testing.assert_allclose(track, expected, rtol=0.03)
    np.testing.assert_allclose(frames.gaze_percent, 0, atol=1)
    np.testing.assert_allclose(frames.eyes_decoded, frames.eyes_original, rtol=0.03)


def test_another_colour_is_another_person(networks: FaceNetworks) -> None:
    found = networks.find(face_at(120, 130)[None])
    other = found.compare(face_at(120, 130, colour=(255, 90, 0))[None])
    assert other.identity[0] < 0.9
    assert other.mouth_mse[0] > 1000


def test_frames_without_a_face_are_left_out_and_counted(networks: FaceNetworks) -> None:
    empty = np.full((SIDE, SIDE, 3), 30, np.uint8)
    originals = np.stack([empty, face_at(120, 130), empty])
    frames = networks.find(originals).compare(np.stack([face_at(50, 50), face_at(120, 130), empty]))
    assert frames.without_face == 2
    assert mean_of_known(frames.landmark_percent) == 0
    np.testing.assert_array_equal(np.isnan(frames.eyes_mse), [True, False, True])
    nothing = measure(empty[None], empty[None], faces=networks.find(empty[None]).compare(empty[None]))
    assert (nothing.identity, nothing.landmark_percent, nothing.without_face) == (None, None, 1)


def test_identity_looks_at_every_nth_frame_and_the_mesh_at_all(networks: FaceNetworks) -> None:
    originals = np.stack([face_at(120, 130)] * 4)
    decoded = np.stack([face_at(123 if index % 2 else 120, 130) for index in range(4)])
    frames = networks.find(originals, every=2).compare(decoded)
    np.testing.assert_array_equal(np.isnan(frames.identity), [False, True, False, True])
    quality = measure(originals, decoded, faces=frames, every=2)
    assert quality.landmark_percent == pytest.approx(150 / INTEROCULAR, rel=0.03)
    assert quality.identity == pytest.approx(1)
    assert quality.without_face == 0


def test_landmarks_alone_give_no_identity(networks: FaceNetworks, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = FaceNetworks(Path("mesh"))
    frames = alone.find(face_at(120, 130)[None]).compare(face_at(120, 130)[None])
    assert (mean_of_known(frames.identity), mean_of_known(frames.landmark_percent)) == (None, 0)
    with pytest.raises(SettingError, match="needs the landmarks"):
        FaceNetworks(None, Path("identity"))


@pytest.mark.parametrize("load", [FaceMesh, Identity])
def test_a_file_that_is_no_network_is_named(load: type[FaceMesh] | type[Identity], tmp_path: Path) -> None:
    with pytest.raises(NetsMissing, match="absent"):
        load(tmp_path / "absent")
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"not a network")
    with pytest.raises(NetsMissing, match="damaged"):
        load(damaged)
