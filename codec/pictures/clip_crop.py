"""Stage 2, crop, for files: the square that is cut out of a clip, from its start or from when a face comes."""

from collections.abc import Iterable

from codec.errors import FaceNotFound
from codec.pictures.crop import Crop, centre_crop
from codec.pictures.face import FaceBox, FaceDetector, crop_for_clip, crop_for_face
from codec.units import PTS_PER_S, Image

__all__ = ["ClipCrop"]

LOOK_EVERY_S = 0.4  # while no face is there; it has to be found twice, so one comes into the crop within 0.8 s


class ClipCrop:
    """One crop for a whole clip, since each change of it costs a reference.

    A clip that begins without a face, an empty room, is coded as the centre square until one has been found in two
    looks running; from there on it is the square about that face.
    """

    def __init__(self, height: int, width: int, *, detector: FaceDetector | None = None) -> None:
        """Pictures of (height, width); without a detector it is the centre square and stays so."""
        self._shape = (height, width)
        self._crop = centre_crop(height, width)
        self._detector = detector
        self._looked_pts: int | None = None
        self._seen: FaceBox | None = None  # in the last look
        self.found_pts: int | None = None  # 0 where the clip begins with a face

    def begin_with(self, samples: Iterable[Image]) -> None:
        """Looks for the face in pictures sampled from the start of the clip, (H, W, 3) each."""
        assert self._detector is not None
        try:
            self._crop = crop_for_clip(samples, self._detector)
        except FaceNotFound:
            return
        self.found_pts = 0

    def at(self, image_rgb: Image, *, pts: int) -> tuple[Crop, bool]:
        """The crop of the next picture, (H, W, 3) at `pts` (1/90000 s), and whether it has changed."""
        if self._detector is None or self.found_pts is not None or not self._is_time_to_look(pts):
            return self._crop, False
        self._looked_pts = pts
        before, self._seen = self._seen, self._detector.detect(image_rgb, near=self._seen)
        if before is None or self._seen is None:
            return self._crop, False
        self.found_pts = pts
        self._crop = crop_for_face(self._seen, *self._shape)
        return self._crop, True

    def _is_time_to_look(self, pts: int) -> bool:
        return self._looked_pts is None or pts - self._looked_pts >= LOOK_EVERY_S * PTS_PER_S
