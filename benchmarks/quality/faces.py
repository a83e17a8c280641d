"""Stage 10, display (as judged): what a codec does to the face itself, by identity and by landmarks.

The face is looked for in the original alone. Its square is then cut from the original and from the decoded picture
alike, and both are aligned for the recognition network by the original's points: whatever differs is the codec's
doing, not that of a detector which was led astray by a bad picture, and a face in the wrong place counts as one. Where
the original shows no sure face there is nothing to compare: such frames are left out and counted.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.clips.clip import Pictures
from benchmarks.errors import SettingError
from benchmarks.quality.face_mesh import FaceMesh, Mesh, five_points, landmark_error
from benchmarks.quality.identity import Embedding, Identity
from codec.units import Image


@dataclass(frozen=True, slots=True)
class Face:
    """An original's face; `embedding` is None where the recognition network was not named."""

    mesh: Mesh
    embedding: Embedding | None


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """Means over the frames that show a face, and how many frames were looked at and left out.

    `identity` is the cosine of original and decoded, 1 for the same picture; `landmark_percent` the mean distance of
    the mesh's points in percent of the inter-ocular distance. None where not measured.
    """

    identity: float | None
    landmark_percent: float | None
    without_face: int


class FaceNetworks:
    """The two networks, loaded once. Identity needs the mesh, whose points align the face."""

    def __init__(self, landmarks: Path | None, identity: Path | None = None) -> None:
        """Raises NetsMissing on files that cannot be used, SettingError on identity without landmarks."""
        if landmarks is None:
            raise SettingError("identity needs the landmarks too: their points align the face")
        self._mesh = FaceMesh(landmarks)
        self._identity = None if identity is None else Identity(identity)

    def find(self, originals: Pictures) -> "FoundFaces":
        """The face in each picture that shows a sure one. # (T, S, S, 3)"""
        faces: list[Face | None] = []
        mesh: Mesh | None = None
        for picture in originals:
            mesh = self._mesh.find(picture, before=mesh)
            if mesh is None:
                faces.append(None)
                continue
            embedding = None if self._identity is None else self._identity.embed(picture, five_points(mesh))
            faces.append(Face(mesh, embedding))
        return FoundFaces(self, tuple(faces))

    def landmark_percent(self, face: Face, decoded: Image) -> float:
        """How far the decoded face's points are from the original's."""
        return landmark_error(face.mesh, self._mesh.look(decoded, face.mesh.square))

    def cosine(self, face: Face, decoded: Image) -> float | None:
        """How much the decoded face is the original's person; None where that is not measured."""
        if face.embedding is None or self._identity is None:
            return None
        return float(face.embedding @ self._identity.embed(decoded, five_points(face.mesh)))


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """The faces of a clip's originals, to hold any number of decoded twins against."""

    networks: FaceNetworks
    faces: tuple[Face | None, ...]

    def compare(self, decoded: Pictures) -> FaceQuality:
        """The same frames as a codec shows them. # (T, S, S, 3)"""
        pairs = [(face, picture) for face, picture in zip(self.faces, decoded, strict=True) if face is not None]
        errors = [self.networks.landmark_percent(*pair) for pair in pairs]
        cosines = [cosine for pair in pairs if (cosine := self.networks.cosine(*pair)) is not None]
        return FaceQuality(
            identity=fmean(cosines) if cosines else None,
            landmark_percent=fmean(errors) if errors else None,
            without_face=len(self.faces) - len(pairs),
        )
