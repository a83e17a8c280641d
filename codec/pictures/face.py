"""Stage 2, crop: finds the face in one picture, and the square about it. Following it in time is the sender's part."""

import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from codec.errors import ConfigError, FaceNotFound, PictureError, WeightsError
from codec.pictures.crop import Crop
from codec.units import Image

__all__ = ["FaceBox", "FaceDetector", "crop_for_clip", "crop_for_face"]


CASCADE_LOOKS_AT = 200  # pixels of the shorter side; more costs time and finds no more of the faces that fill a tenth
YUNET_LOOKS_AT = 320
SMALLEST_FACE = 10  # a face is at least this part of the shorter side
CROP_PER_FACE = 2.0
MIN_YUNET_SCORE = 0.6
MOST_MOVED, MOST_GROWN = 0.8, 1.8  # widths of a face, between two looks at it
SIZES_ASIDE = 1.2  # two steps of the cascade's sizes
MIN_AGREEING = 0.25  # part of the looked-at pictures that must show a face for a clip to be cropped to it


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A face in pixels of the frame: left, top, width, height; a larger score is a surer face."""

    x: float
    y: float
    w: float
    h: float
    score: float

    def __post_init__(self) -> None:
        if not (self.w > 0 and self.h > 0):
            raise ConfigError(f"a face box of {self.w} by {self.h}")

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.w / 2, self.y + self.h / 2


class FaceDetector:
    """Finds the most prominent face of a picture.

    Without a model, by the Haar cascade that ships with OpenCV 4 (Viola and Jones, 2001), for upright frontal faces;
    with `model`, a YuNet file in ONNX, by that network, which also finds turned and partly hidden ones. Its scores are
    0..1, those of the cascade are sums of stage margins, about 2..10; each compare only among themselves.
    """

    def __init__(self, model: Path | None = None) -> None:
        """Raises WeightsError if the model, or the cascade, cannot be read."""
        self._lock = threading.Lock()  # OpenCV's detectors keep state between calls
        self._cascade = _load_cascade() if model is None else None
        self._yunet = None if model is None else _load_yunet(model)

    def detect(self, image_rgb: Image, *, near: FaceBox | None = None) -> FaceBox | None:
        """Return the largest sure face of uint8 (H, W, 3), or None. About 20 ms, whatever the picture's size.

        With `near`, only one that may be that face a moment later: two people in a picture do not take turns, and the
        cascade looks for faces of about that size alone, in half of the time.
        """
        if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8 or 0 in image_rgb.shape:
            raise PictureError(f"a picture is uint8 (H, W, 3), not {image_rgb.dtype} {image_rgb.shape}")
        looks_at = CASCADE_LOOKS_AT if self._yunet is None else YUNET_LOOKS_AT
        scale = min(1.0, looks_at / min(image_rgb.shape[:2]))
        small = image_rgb
        if scale < 1:
            small = np.asarray(cv2.resize(image_rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        sizes = _sizes(min(small.shape[:2]), reach=None if near is None else scale * _reach(near))
        with self._lock:
            boxes = self._by_network(small) if self._yunet is not None else self._by_cascade(small, sizes)
        found = [FaceBox(box.x / scale, box.y / scale, box.w / scale, box.h / scale, box.score) for box in boxes]
        if near is not None:
            found = [box for box in found if _may_be(box, near)]
        return max(found, key=lambda box: box.score * (box.w * box.h) ** 0.5, default=None)

    def _by_cascade(self, small: Image, sizes: tuple[int, int]) -> list[FaceBox]:
        assert self._cascade is not None
        grey = cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
        smallest, largest = ((size, size) for size in sizes)
        found, _, margins = self._cascade.detectMultiScale3(
            grey, scaleFactor=1.1, minNeighbors=5, minSize=smallest, maxSize=largest, outputRejectLevels=True
        )
        return [
            FaceBox(*map(float, (*box, margin)))
            for box, margin in zip(found, np.ravel(margins), strict=True)
            if margin > 0
        ]

    def _by_network(self, small: Image) -> list[FaceBox]:
        assert self._yunet is not None
        self._yunet.setInputSize((small.shape[1], small.shape[0]))
        _, found = self._yunet.detect(np.ascontiguousarray(small[..., ::-1]))
        if found is None:
            return []
        return [FaceBox(*map(float, (*face[:4], face[14]))) for face in found if min(face[2:4]) > 0]


def _reach(box: FaceBox) -> float:
    return max(box.w, box.h)


def _sizes(shorter_side: int, *, reach: float | None) -> tuple[int, int]:
    """The least and the largest sides of faces to look for in a picture; those near one of a size, if there is one."""
    least = max(20, shorter_side // SMALLEST_FACE)
    if reach is None:
        return least, shorter_side
    # Neighbours of several sizes make a face: those about the largest and the least that may be are looked at as well.
    return max(least, math.floor(reach / MOST_GROWN / SIZES_ASIDE)), math.ceil(reach * MOST_GROWN * SIZES_ASIDE)


def _may_be(box: FaceBox, before: FaceBox) -> bool:
    """Whether a face can be another a moment later: not much larger or smaller, and no face's width away."""
    reach = _reach(before)
    apart = math.hypot(box.centre[0] - before.centre[0], box.centre[1] - before.centre[1])
    return apart < MOST_MOVED * reach and 1 / MOST_GROWN < _reach(box) / reach < MOST_GROWN


def crop_for_face(box: FaceBox, height: int, width: int) -> Crop:
    """Return a square of about twice the face, on whole pixels, as far inside the frame as it can lie."""
    side = max(16, min(round(CROP_PER_FACE * max(box.w, box.h)), height, width))
    cx, cy = box.centre
    left = _inside(round(cx - side / 2), side, width)
    top = _inside(round(cy - side / 2), side, height)
    return Crop(left + side / 2, top + side / 2, side)


def crop_for_clip(images_rgb: Iterable[Image], detector: FaceDetector) -> Crop:
    """Return one crop for a whole clip, since each change of it would cost a reference.

    Takes pictures sampled from it, all of one shape. Raises FaceNotFound when under a quarter of them show a face.
    """
    looked = 0
    shape = (0, 0)
    boxes: list[FaceBox] = []
    for image_rgb in images_rgb:
        looked += 1
        shape = (image_rgb.shape[0], image_rgb.shape[1])
        box = detector.detect(image_rgb)
        if box is not None:
            boxes.append(box)
    if not boxes or len(boxes) < MIN_AGREEING * looked:
        raise FaceNotFound(f"no face in {looked - len(boxes)} of {looked} pictures looked at")
    # The median holds against a false face in a minority of the pictures.
    cx, cy = median(box.centre[0] for box in boxes), median(box.centre[1] for box in boxes)
    side = median(max(box.w, box.h) for box in boxes)
    return crop_for_face(FaceBox(cx - side / 2, cy - side / 2, side, side, 1.0), *shape)


def _inside(start: int, length: int, available: int) -> int:
    return min(max(start, 0), max(available - length, 0))


def _load_cascade() -> cv2.CascadeClassifier:
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"))
    if cascade.empty():
        raise WeightsError("this build of OpenCV ships no face cascade; install opencv-python 4, or name a model")
    return cascade


def _load_yunet(model: Path) -> cv2.FaceDetectorYN:
    if not model.is_file():
        raise WeightsError(f"there is no face model {model}")
    try:
        return cv2.FaceDetectorYN.create(
            str(model), "", (YUNET_LOOKS_AT, YUNET_LOOKS_AT), score_threshold=MIN_YUNET_SCORE
        )
    except cv2.error as error:
        raise WeightsError(f"{model} is not a YuNet model") from error
