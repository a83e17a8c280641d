"""Faces: found in the bundled clip, not in noise; the crop about one lies inside the frame."""

from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from codec.errors import ConfigError, FaceNotFound, PictureError, WeightsError
from codec.pictures.face import FaceBox, FaceDetector, crop_for_clip, crop_for_face

SAMPLE = Path(__file__).parents[3] / "benchmarks" / "clips" / "data" / "sample.mp4"


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    with av.open(str(SAMPLE)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_the_face_of_the_sample_is_found(detector: FaceDetector, portrait: NDArray[np.uint8]) -> None:
    box = detector.detect(portrait)
    assert box is not None
    height, width = portrait.shape[:2]
    assert box.centre == pytest.approx((width / 2, height / 2), abs=width / 6)
    assert width / 4 < box.w < width * 0.8


def test_a_face_is_found_where_it_lies(detector: FaceDetector, portrait: NDArray[np.uint8]) -> None:
    centred = detector.detect(portrait)
    wide = np.full((portrait.shape[0] + 100, portrait.shape[1] * 2, 3), 128, np.uint8)
    wide[100:, portrait.shape[1] :] = portrait
    moved = detector.detect(wide)
    assert centred is not None
    assert moved is not None
    tolerance = centred.w / 5
    expected = (centred.centre[0] + portrait.shape[1], centred.centre[1] + 100)
    assert moved.centre == pytest.approx(expected, abs=tolerance)


def test_of_two_faces_the_one_that_is_followed_is_found(detector: FaceDetector, portrait: NDArray[np.uint8]) -> None:
    """Side by side, the right one larger: alone it would be preferred, and be taken when the left one is followed."""
    side = portrait.shape[0]
    small = np.asarray(cv2.resize(portrait, (side * 3 // 4, side * 3 // 4)), np.uint8)
    both = np.full((side, side * 2, 3), 128, np.uint8)
    both[: len(small), : len(small)], both[:, side:] = small, portrait
    larger = detector.detect(both)
    assert larger is not None
    assert larger.centre[0] > side
    followed = detector.detect(np.asarray(both[:, :side]))
    assert followed is not None
    again = detector.detect(both, near=followed)
    assert again is not None
    assert again.centre == pytest.approx(followed.centre, abs=followed.w / 5)
    both[: len(small), : len(small)] = 128  # it leaves
    assert detector.detect(both, near=followed) is None


@pytest.mark.parametrize("size", [0.6, 0.7, 0.8, 0.9])
@pytest.mark.parametrize("grown", [0.6, 0.8, 1.0, 1.25, 1.7])
def test_near_a_face_the_same_is_found_as_anywhere(
    size: float, grown: float, detector: FaceDetector, portrait: NDArray[np.uint8]
) -> None:
    """Only sizes that the face cannot have are left out: a face that has grown or shrunk that far is found alike."""
    picture = np.full((480, 640, 3), 128, np.uint8)
    side = round(size * 480)
    top = (480 - side) // 2
    picture[top : top + side, 90 : 90 + side] = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
    box = detector.detect(picture)
    assert box is not None
    before = replace(box, x=box.x + box.w * (1 - grown) / 2, w=box.w * grown, h=box.h * grown)
    again = detector.detect(picture, near=before)
    assert again is not None
    assert (*again.centre, again.w) == pytest.approx((*box.centre, box.w), abs=box.w / 20), "to a step of its sizes"


@pytest.mark.parametrize("shape", [(480, 640), (64, 64), (5, 300), (1, 1)])
def test_noise_holds_no_face(detector: FaceDetector, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert detector.detect(noise) is None


def test_other_arrays_are_refused(detector: FaceDetector) -> None:
    with pytest.raises(PictureError):
        detector.detect(np.zeros((4, 4), np.uint8))


def test_a_model_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        FaceDetector(tmp_path / "absent.onnx")
    (tmp_path / "noise.onnx").write_bytes(b"not a network")
    with pytest.raises(WeightsError):
        FaceDetector(tmp_path / "noise.onnx")


@given(
    st.floats(-200, 800),
    st.floats(-200, 800),
    st.floats(1, 900),
    st.floats(1, 900),
    st.integers(16, 720),
    st.integers(16, 1280),
)
def test_the_crop_lies_inside_on_whole_pixels(x: float, y: float, w: float, h: float, height: int, width: int) -> None:
    crop = crop_for_face(FaceBox(x, y, w, h, 1.0), height, width)
    left, top = crop.cx - crop.side / 2, crop.cy - crop.side / 2
    assert (left, top) == (int(left), int(top))
    assert 0 <= left <= width - crop.side
    assert 0 <= top <= height - crop.side


def test_the_crop_is_twice_the_face_about_its_centre() -> None:
    crop = crop_for_face(FaceBox(500, 300, 100, 90, 1.0), 720, 1280)
    assert (crop.cx, crop.cy, crop.side) == (550, 345, 200)


def test_one_crop_for_a_clip(detector: FaceDetector, portrait: NDArray[np.uint8]) -> None:
    blank = np.zeros_like(portrait)
    crop = crop_for_clip([portrait, blank, portrait], detector)
    box = detector.detect(portrait)
    assert box is not None
    assert crop == crop_for_face(box, *portrait.shape[:2])
    with pytest.raises(FaceNotFound):
        crop_for_clip([blank] * 4, detector)
    with pytest.raises(FaceNotFound):
        crop_for_clip([], detector)


def test_a_box_has_a_size() -> None:
    with pytest.raises(ConfigError):
        FaceBox(0, 0, 0, 4, 1.0)
