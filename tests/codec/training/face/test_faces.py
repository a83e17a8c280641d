"""Crops of faces: a dot drawn at a landmark lies in every crop where the crop's points say, and labels are checked."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from codec.errors import MediaError
from codec.motion.landmarks import (
    INNER_LIPS,
    LEFT_EYE_POINTS,
    LEFT_IRIS,
    LIPS,
    MIRROR,
    OUTER_LIPS,
    RIGHT_EYE_POINTS,
    RIGHT_IRIS,
    points_of,
)
from codec.motion.tracking import CROP_SIZE, find_landmarks
from codec.training.data.dataset import ClipFile
from codec.training.face import faces as cutting
from codec.training.face.augment import Crops, CropWidths
from codec.training.face.faces import STORED, Samples, cut_faces, labelled

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]

NOSE, BROW = points_of(1, 107)


def dotted(at: Floats) -> Picture:
    """A soft dot on black, 256x256."""
    y, x = np.indices((256, 256))
    dot = 255 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 2.0**2))
    return np.asarray(dot[..., None].repeat(3, 2).round(), np.uint8)


def spot(crop: Picture) -> Floats:
    """The centre of the dot (x, y), in pixels."""
    grey = crop.astype(np.float64).sum(-1)
    y, x = np.indices(grey.shape)
    return np.array([(grey * x).sum(), (grey * y).sum()], np.float32) / np.float32(grey.sum())


def cut_at(point: int, landmarks: Floats, file: ClipFile, patch: pytest.MonkeyPatch) -> Any:
    """The crops of a picture that shows nothing but a dot at one landmark."""
    patch.setattr(cutting, "labelled", lambda _: (landmarks[None], np.ones(1, bool)))
    patch.setattr(cutting, "read_frames", lambda *_, **__: [dotted(landmarks[point])])
    return cut_faces([file], every=1)


def said(samples: Samples, row: int, point: int) -> Floats:
    """Where the points of a crop say that one is, in its pixels, whose middle is between the two in the middle."""
    height, width = samples.pictures.shape[1:3]
    return np.asarray(samples.points[row, point, :2] + np.array([width - 1, height - 1]) / 2)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("point", [OUTER_LIPS.start, INNER_LIPS.start + 5, RIGHT_IRIS, LEFT_IRIS, NOSE, BROW])
def test_the_whole_face_has_its_points_where_they_are(
    point: int, seed: int, faces: Any, face_clips: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = cut_at(point, faces.landmarks(seed), face_clips.files[0], monkeypatch).whole
    assert samples.pictures.shape == (1, 144, 144, 3)
    np.testing.assert_allclose(spot(samples.pictures[0]), said(samples, 0, point), atol=0.2)


class Saying:
    """Networks that say the same wherever they look."""

    def __init__(self, whole: Floats) -> None:
        self._whole = whole

    def landmarks(self, crop: Picture) -> Floats:
        return self._whole

    def mouth_points(self, crop: Picture) -> Floats:
        return np.zeros((40, 2), np.float32)

    def eye_points(self, crop: Picture) -> Floats:
        return np.zeros((17, 2), np.float32)


@pytest.mark.parametrize("point", [NOSE, BROW, *points_of(454, 152)])
def test_the_tracker_reads_a_network_as_it_was_taught(
    point: int, faces: Any, face_clips: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a crop says of a dot, mirrored or not, is the pixel of the crop that the tracker makes of it."""
    torch.manual_seed(8)
    samples = cut_at(point, faces.landmarks(1), face_clips.files[0], monkeypatch).whole
    still, mirror = CropWidths(turn=0.0, scale=0.0, shift=0.0), torch.from_numpy(np.array(MIRROR))
    pictures, points = Crops(samples, size=(CROP_SIZE, CROP_SIZE), widths=still, mirror=mirror).batch(12)
    identity, blank = np.eye(2, 3, dtype=np.float32), np.zeros((256, 256, 3), np.uint8)
    plain = spot(samples.pictures[0]) - (STORED - CROP_SIZE) / 2
    mirrored = np.array([CROP_SIZE - 1 - plain[0], plain[1]])
    away = set()
    for picture, taught in zip(pictures, points.numpy(), strict=True):
        light = picture.permute(1, 2, 0).numpy()
        light = np.clip(light - (light.max() + light.min()) / 2, 0, None)
        seen, read = spot(light), find_landmarks(Saying(taught), blank, identity)
        shown = int(MIRROR[point]) if np.linalg.norm(seen - plain) > np.linalg.norm(seen - mirrored) else point
        away.add(shown)
        np.testing.assert_allclose(read[shown, :2], seen, atol=0.4)
    assert away == {point, int(MIRROR[point])}


@pytest.mark.parametrize("point", [OUTER_LIPS.start, OUTER_LIPS.start + 10, INNER_LIPS.start + 5])
def test_the_mouth_has_its_points_where_they_are(
    point: int, faces: Any, face_clips: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = cut_at(point, faces.landmarks(3), face_clips.files[0], monkeypatch).mouth
    assert samples.pictures.shape == (1, 64 + 32, 80 + 32, 3)
    assert samples.points.shape == (1, 40, 2)
    np.testing.assert_allclose(spot(samples.pictures[0]), said(samples, 0, point - LIPS.start), atol=0.3)


@pytest.mark.parametrize("place", [0, 3, 8, 16])
def test_both_eyes_are_right_eyes(place: int, faces: Any, face_clips: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The left one is mirrored, points and picture alike, its outer corner where the right one has its own."""
    landmarks = faces.landmarks(4)
    for row, which in enumerate((RIGHT_EYE_POINTS, LEFT_EYE_POINTS)):
        samples = cut_at(which[place], landmarks, face_clips.files[0], monkeypatch).eye
        assert samples.pictures.shape == (2, 32 + 32, 48 + 32, 3)
        assert samples.points.shape == (2, 17, 2)
        np.testing.assert_allclose(spot(samples.pictures[row]), said(samples, row, place), atol=0.3)
        assert samples.points[row, 0, 0] < 0 < samples.points[row, 8, 0]


def test_depth_is_told_in_the_crops_pixels(faces: Any, face_clips: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    landmarks = faces.landmarks(5)
    samples = cut_at(NOSE, landmarks, face_clips.files[0], monkeypatch).whole
    local = samples.points[0]
    scales = [np.ptp(local[:, axis]) / np.ptp(landmarks[:, axis]) for axis in range(3)]
    np.testing.assert_allclose(scales, scales[0], rtol=1e-4)


def test_labels_are_read_as_they_were_drawn(face_clips: Any, drawing: Any) -> None:
    for file, drawn in zip(face_clips.files, face_clips.landmarks, strict=True):
        known = labelled(file)
        assert known is not None
        points, present = known
        np.testing.assert_allclose(points, drawn, atol=1 / 16)
        assert present.tolist() == [index != drawing.unseen for index in range(drawing.frames)]


def test_each_trusted_frame_is_cut(face_clips: Any, drawing: Any) -> None:
    every = 2
    samples = cut_faces(face_clips.files, every=every)
    trusted = sum(index != drawing.unseen for index in range(0, drawing.frames, every))
    clips = len(face_clips.files)
    assert len(samples.whole) == len(samples.mouth) == clips * trusted
    assert len(samples.eye) == 2 * len(samples.whole)
    np.testing.assert_array_equal(np.unique(samples.whole.clip), range(clips))
    assert np.abs(samples.whole.points[..., :2]).max() < 64, "all points are in the crop"


def test_clips_without_labels_are_left_out_or_refused(face_clips: Any, tmp_path: Any) -> None:
    alone = ClipFile(tmp_path / "clip0.mp4", "other/clip0.mp4", "other/clip0", None)
    assert labelled(alone) is None
    with pytest.raises(MediaError, match="labels"):
        cut_faces([alone], every=1)
    both = cut_faces([alone, face_clips.files[0]], every=9)
    assert set(both.whole.clip) == {1}


@pytest.mark.parametrize("content", [b"no archive", b"PK\x03\x04 nearly"])
def test_labels_that_are_none_are_refused(content: bytes, tmp_path: Any) -> None:
    (tmp_path / "labels.npz").write_bytes(content)
    with pytest.raises(MediaError, match="labels"):
        labelled(ClipFile(tmp_path / "clip0.mp4", "other/clip0.mp4", "other/clip0", None))
