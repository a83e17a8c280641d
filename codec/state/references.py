"""Stages 4 and 8, references in state: what both ends know of each, and the newest of them by id."""

from collections import OrderedDict
from dataclasses import dataclass, fields

from codec.bits.bitstream import REFERENCE_IDS
from codec.engines.runtime import PreparedReference, Runtime
from codec.units import Floats, Image

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldReference(ReferenceFacts):
    """A reference ready to be moved."""

    prepared: PreparedReference


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedReference(ReferenceFacts):
    """A reference before the networks have seen it: that takes as long as coding it."""

    picture: Image  # (S, S, 3)
    crf: int

    def held(self, runtime: Runtime) -> HeldReference:
        """The same ready to be moved."""
        prepared = runtime.prepare(self.picture, crf=self.crf, canonical=self.canonical, motion=self.motion)
        facts = {item.name: getattr(self, item.name) for item in fields(ReferenceFacts)}
        return HeldReference(**facts, prepared=prepared)


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
