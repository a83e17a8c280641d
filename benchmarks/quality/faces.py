"""Stage 10, display (as judged): what a codec does to the face itself: expression, landmarks, windows, identity.

The face is looked for in the original alone. Its square is then cut from the original and from the decoded picture
alike, and both are aligned for the recognition network by the original's points: whatever differs is the codec's
doing, not that of a detector which was led astray by a bad picture, and a face in the wrong place counts as one. Where
the original shows no sure face there is nothing to compare: such frames are left out and counted.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.clips.clip import Pictures
from benchmarks.errors import SettingError
from benchmarks.quality.expression import (
    LIDS,
    LIPS,
    Points,
    Track,
    eye_aperture,
    gaze_error,
    mouth_aperture,
    point_error,
)
from benchmarks.quality.face_frames import FaceFrames
from benchmarks.quality.face_mesh import POINTS, FaceMesh, Mesh, five_points
from benchmarks.quality.identity import Embedding, Identity
from benchmarks.quality.lpips import Lpips
from benchmarks.quality.windows import face_windows, window_distances
from codec.units import Image


@dataclass(frozen=True, slots=True)
class Face:
    """An original's face; `embedding` is None where the recognition network was not named or did not look."""

    mesh: Mesh
    embedding: Embedding | None


class FaceNetworks:
    """The two networks, loaded once. Identity needs the mesh, whose points align the face."""

    def __init__(self, landmarks: Path | None, identity: Path | None = None) -> None:
        """Raises NetsMissing on files that cannot be used, SettingError on identity without landmarks."""
        if landmarks is None:
            raise SettingError("identity needs the landmarks too: their points align the face")
        self._mesh = FaceMesh(landmarks)
        self._identity = None if identity is None else Identity(identity)

    def find(self, originals: Pictures, *, every: int = 1) -> "FoundFaces":
        """The face in each picture that shows a sure one, its identity in every `every`-th. # (T, S, S, 3)"""
        faces: list[Face | None] = []
        mesh: Mesh | None = None
        for index, picture in enumerate(originals):
            mesh = self._mesh.find(picture, before=mesh)
            if mesh is None:
                faces.append(None)
                continue
            looks = self._identity is not None and index % every == 0
            faces.append(Face(mesh, self._embed(picture, mesh) if looks else None))
        return FoundFaces(self, originals, tuple(faces))

    def look(self, face: Face, decoded: Image) -> Mesh:
        """The decoded face's points, in the original's square."""
        return self._mesh.look(decoded, face.mesh.square)

    def cosine(self, face: Face, decoded: Image) -> float:
        """How much the decoded face is the original's person; NaN where that is not measured."""
        if face.embedding is None:
            return float("nan")
        return float(face.embedding @ self._embed(decoded, face.mesh))

    def _embed(self, picture: Image, mesh: Mesh) -> Embedding:
        assert self._identity is not None
        return self._identity.embed(picture, five_points(mesh))


@dataclass(frozen=True, slots=True, eq=False)
class FoundFaces:
    """A clip's originals with their faces, to hold any number of decoded twins against. # (T, S, S, 3)"""

    networks: FaceNetworks
    originals: Pictures
    faces: tuple[Face | None, ...]

    @property
    def points(self) -> Points:
        """The originals' points. # (T, 478, 2), NaN where there is no face"""
        return _stacked([None if face is None else face.mesh for face in self.faces])

    @property
    def interocular(self) -> Track:
        """The originals' inter-ocular distances in pixels. # (T,), NaN where there is no face"""
        return np.array([np.nan if face is None else face.mesh.interocular for face in self.faces])

    def compare(self, decoded: Pictures, *, lpips: Lpips | None = None) -> FaceFrames:
        """The same frames as a codec shows them; the mesh looks at each once. # (T, S, S, 3)"""
        pairs = list(zip(self.faces, decoded, strict=True))
        seen = _stacked([None if face is None else self.networks.look(face, picture) for face, picture in pairs])
        side = self.originals.shape[1]
        windows = [None if face is None else face_windows(face.mesh, side=side) for face in self.faces]
        distances = window_distances(self.originals, decoded, windows, lpips=lpips)
        cosines = [np.nan if face is None else self.networks.cosine(face, picture) for face, picture in pairs]
        points, interocular = self.points, self.interocular
        return FaceFrames(
            interocular=interocular,
            mouth_original=mouth_aperture(points, interocular),
            mouth_decoded=mouth_aperture(seen, interocular),
            eyes_original=eye_aperture(points, interocular),
            eyes_decoded=eye_aperture(seen, interocular),
            gaze_percent=gaze_error(points, seen),
            lips_percent=point_error(points, seen, interocular, points=LIPS),
            lids_percent=point_error(points, seen, interocular, points=LIDS),
            landmark_percent=point_error(points, seen, interocular),
            mouth_mse=distances.mouth_mse,
            eyes_mse=distances.eyes_mse,
            mouth_lpips=distances.mouth_lpips,
            eyes_lpips=distances.eyes_lpips,
            identity=np.array(cosines),
        )


def _stacked(meshes: list[Mesh | None]) -> Points:
    nowhere = np.full((POINTS, 2), np.nan)
    return np.stack([nowhere if mesh is None else mesh.points for mesh in meshes])
