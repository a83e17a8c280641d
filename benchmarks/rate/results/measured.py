"""Stage 10, meter (offline): what was measured of one codec on one clip, and of all of them."""

from dataclasses import dataclass

from benchmarks.quality.eyes_and_mouth import EyesAndMouth
from benchmarks.quality.face_frames import FaceFrames
from benchmarks.quality.face_scores import face_scores
from benchmarks.rate.results.face_rows import FaceRow
from benchmarks.rate.results.rows import RateRow
from codec.units import Image


@dataclass(frozen=True, slots=True)
class Measured:
    """A row, one decoded picture to look at, and what was seen of the face in every frame, where it was measured."""

    row: RateRow
    still: Image
    frames: FaceFrames | None = None

    @property
    def face(self) -> FaceRow | None:
        """The face's figures."""
        if self.frames is None:
            return None
        return FaceRow(self.row.clip, self.row.codec, self.row.setting, face_scores(self.frames))


@dataclass(frozen=True, slots=True)
class Failure:
    """A codec that gave nothing at one setting on one clip, and why."""

    clip: str
    codec: str
    setting: str
    reason: str

    def __str__(self) -> str:
        return f"{self.clip}, {self.codec} {self.setting} is missing: {self.reason}"


@dataclass(frozen=True, slots=True)
class ClipResult:
    """Everything measured on one clip. `still` is the original of the picture kept from each codec."""

    name: str
    still: Image
    eyes_and_mouth: EyesAndMouth
    measured: tuple[Measured, ...]
    failures: tuple[Failure, ...] = ()
