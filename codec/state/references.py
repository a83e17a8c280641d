"""Stages 4 and 8, references in state: what both ends know of each, and the newest of them by id."""

from collections import OrderedDict
from dataclasses import dataclass, fields
from typing import Any

from codec.bits.bitstream import REFERENCE_IDS
from codec.engines.runtime import PreparedReference, Runtime
from codec.motion.face_box import FaceBox
from codec.motion.face_tracker import landmarks_in
from codec.motion.still import REFERENCES_COMPARED, still_places
from codec.units import Floats, Image
from codec.windows.painter import FaceReference

FACES_HELD = 8

__all__ = ["DecodedReference", "HeldReference", "ReferenceFacts", "References"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceFacts:
    """What the bytes of a reference say beside its picture: its place in time, keypoints and motion."""

    id: int
    number: int
    pts: int
    duration: int
    canonical: Floats  # (K, 3)
    qp: int  # of its motion, and of unchained frames that name no other
    motion: Floats  # (MOTION_NUMBERS,)
    box: FaceBox | None  # where its face is


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldReference(ReferenceFacts):
    """A reference ready to be moved."""

    prepared: PreparedReference
    face: FaceReference | None  # None where it shows no face
    faces: tuple[FaceReference, ...]  # held for the windows: those it builds on, the newest last, itself included
    decoded: tuple[Image, ...] = ()  # its picture as it was decoded, and those it builds on, the newest last
    still: Floats | None = None  # (64, 64), see codec.motion.still


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedReference(ReferenceFacts):
    """A reference before the networks have seen it: that takes as long as coding it."""

    picture: Image  # (S, S, 3)
    crf: int  # to restore it by; 0: it is not
    intra: bool

    @classmethod
    def of(cls, facts: ReferenceFacts, *, picture: Image, crf: int, intra: bool) -> "DecodedReference":
        """From what its bytes say, and its picture as it was decoded at a quality index."""
        return cls(**_as_fields(facts), picture=picture, crf=crf, intra=intra)

    def held(self, runtime: Runtime, *, after: HeldReference | None) -> HeldReference:
        """The same ready to be moved; `after`: the reference before it, whose faces it adds to unless it is intra."""
        prepared = runtime.prepare(self.picture, crf=self.crf, canonical=self.canonical, motion=self.motion)
        face = None if self.box is None else _face(runtime, prepared.picture, self.box)
        faces = (*(after.faces if after and not self.intra else ()), *((face,) if face else ()))[-FACES_HELD:]
        earlier = after.decoded if after and not self.intra else ()
        still = still_places(self.picture, earlier, face=self.box)
        decoded = (*earlier, self.picture)[-REFERENCES_COMPARED:]
        return HeldReference(
            **_as_fields(self), prepared=prepared, face=face, faces=faces, decoded=decoded, still=still
        )


def _as_fields(facts: ReferenceFacts) -> dict[str, Any]:
    return {item.name: getattr(facts, item.name) for item in fields(ReferenceFacts)}


def _face(runtime: Runtime, picture: Image, box: FaceBox) -> FaceReference:
    landmarks = landmarks_in(runtime, picture, box)
    return FaceReference(picture, landmarks, runtime.face_shape.person(landmarks, side=picture.shape[0]))


class References:
    """The newest references by id."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, HeldReference] = OrderedDict()

    def add(self, reference: HeldReference) -> None:
        self._held.pop(reference.id, None)
        self._held[reference.id] = reference
        while len(self._held) > REFERENCE_IDS // 2:
            self._held.popitem(last=False)

    def get(self, reference_id: int) -> HeldReference | None:
        return self._held.get(reference_id)

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(self._held)
