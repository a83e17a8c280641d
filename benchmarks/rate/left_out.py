"""Stage 3 to 9, offline: facewire without one of its parts, to see what that part brings.

The codec has no switches for most of them, and no call could use one: both ends must do alike. So for the time of a
measurement the part is replaced by what does nothing in its place; encoder and decoder of the same process then agree.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import codec.state.chain
import codec.state.references
from benchmarks.errors import SettingError
from codec import CodecConfig
from codec.decisions.face_search import FaceSearch
from codec.decisions.reference_policy import ReferencePolicy
from codec.engines.engine import Graph, Immediate
from codec.engines.runtime import Runtime
from codec.units import Array

__all__ = ["PARTS", "Part", "part_of"]

Replacement = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Part:
    """What is left out: by another configuration, by a replacement, or both."""

    name: str
    what: str  # takes its place, in words
    changes: Mapping[str, Any] = field(default_factory=dict)
    replaced: Replacement | None = None

    def config(self, whole: CodecConfig) -> CodecConfig:
        return whole.with_(**self.changes)

    def left_out(self) -> AbstractContextManager[None]:
        """Encoders and decoders made in this block are without it, until they are done with in this block."""
        return nullcontext() if self.replaced is None else self.replaced()


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Another value of an attribute; one that only objects had is gone again afterwards."""
    had, before = name in vars(owner), vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if had:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


def _graph(name: str, run: Callable[..., tuple[Array, ...]]) -> Replacement:
    """A graph that does something else."""
    whole: Callable[[Runtime, str], Graph] = Runtime.__dict__["_graph"]

    def graph(runtime: Runtime, asked: str) -> Graph:
        return Immediate(run) if asked == name else whole(runtime, asked)

    return lambda: _replaced(Runtime, "_graph", graph)


def _warped(pixels: Array, *_: Array) -> tuple[Array, ...]:
    """What the generator is given, plane by plane, as a picture."""
    return (np.clip(np.round(pixels.transpose(0, 2, 3, 1) * 255), 0, 255).astype(np.uint8),)


def _never() -> Any:
    """An attribute that is False, whatever it is set to."""
    return property(lambda _: False, lambda _, __: None)


_ALL = (
    Part(
        "restoration", "references as AV1 decodes them", replaced=_graph("restoration", lambda decoded, _: (decoded,))
    ),
    Part("flow refinement", "the field as it was coded", replaced=_graph("choice", lambda _, side: (side,))),
    Part("generator", "the warped pixels", replaced=_graph("generator", _warped)),
    Part(
        "windows",
        "mouth and eyes as the rest of the picture",
        replaced=lambda: _replaced(FaceSearch, "draws", _never()),
    ),
    Part(
        "landmark flow",
        "a warping field from keypoints alone",
        replaced=lambda: _replaced(codec.state.chain, "follow_landmarks", lambda flow, **_: flow),
    ),
    Part(
        "face",
        "keypoints of the motion extractor; no landmarks, no expression, so no windows",
        replaced=lambda: _replaced(codec.state.references, "_face", lambda *_: None),
    ),
    Part("residual", "the base layer alone", changes={"residual": False}),
    Part(
        "still places",
        "a field that moves all of the picture",
        replaced=lambda: _replaced(codec.state.references, "still_places", lambda *_, **__: None),
    ),
    Part(
        "reference quality",
        "one quality index for all references",
        replaced=lambda: _replaced(ReferencePolicy, "coarser_by", property(lambda _: 0)),
    ),
    Part("references", "the first keyframe for all frames", changes={"references": "single"}),
)


PARTS: dict[str, Part] = {part.name: part for part in _ALL}


def part_of(name: str) -> Part:
    """Raises SettingError where there is none of that name."""
    if name not in PARTS:
        raise SettingError(f"no part {name!r} to leave out; there are {', '.join(PARTS)}")
    return PARTS[name]
