"""Stages 4 and 8, state: the references and the chain that encoder and decoder both hold.

Both ends run these functions on the same integers, so that the encoder always knows what the receiver has.
"""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codec.bits.bitstream import NUMBERS, REFERENCE_IDS, TICK, CodedMotion
from codec.bits.entropy import Coder, Reader, Writer
from codec.bits.quantizer import SYMBOL_LIMIT, Symbols, dequantize, quantize, step_scale
from codec.bits.symbols import CodingTables, SymbolCoder
from codec.engines.runtime import PreparedReference, Runtime
from codec.motion.parameters import MOTION_NUMBERS
from codec.motion.residual import COEFFICIENTS, inverse

Floats = npt.NDArray[np.float32]

_TIMESTAMPS = 1 << 16
_MOTION_LIMIT = 20.0  # beyond any motion, and its exponential is still finite


@dataclass(frozen=True, slots=True)
class HeldReference:
    """A reference ready to be moved: its picture, keypoints and place in time."""

    id: int
    number: int
    pts: int
    duration: int
    canonical: Floats  # (K, 3)
    qp: int  # of its motion, and of unchained frames that name no other
    motion: Floats  # (MOTION_NUMBERS,)
    prepared: PreparedReference


@dataclass(frozen=True, slots=True)
class DecodedReference:
    """A reference as its bytes say, before the networks have seen it: that takes as long as coding it."""

    id: int
    number: int
    pts: int
    duration: int
    canonical: Floats  # (K, 3)
    qp: int
    motion: Floats  # (MOTION_NUMBERS,)
    picture: npt.NDArray[np.uint8]  # (S, S, 3)
    crf: int

    def held(self, runtime: Runtime) -> HeldReference:
        """The same ready to be moved."""
        return HeldReference(
            id=self.id,
            number=self.number,
            pts=self.pts,
            duration=self.duration,
            canonical=self.canonical,
            qp=self.qp,
            motion=self.motion,
            prepared=runtime.prepare(self.picture, crf=self.crf, canonical=self.canonical, motion=self.motion),
        )


@dataclass(frozen=True, slots=True)
class Chain:
    """The integers the next frame of a bundle is coded against."""

    qp: int
    motion: Symbols  # (MOTION_NUMBERS,)
    residual: Symbols  # (2, 16, 16)


@dataclass(frozen=True, slots=True)
class MotionState:
    """How to show one frame: which reference, moved how. `chain` is None in a state mixed from two others."""

    pts: int  # 1/90000 s
    number: int
    reference_id: int
    base: bool
    motion: Floats
    coefficients: Floats  # (2, 16, 16)
    chain: Chain | None


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


def motion_steps(tables: CodingTables, qp: int) -> Floats:
    """Quantiser steps of the motion numbers at a qp."""
    return (tables.motion_steps * np.float32(step_scale(qp))).astype(np.float32)


def residual_step(tables: CodingTables, qp: int) -> Floats:
    """Quantiser step of the residual coefficients at a qp, as an array of no dimensions."""
    return np.float32(tables.residual_step * step_scale(qp)) * np.ones((), np.float32)


def canonical_step(tables: CodingTables) -> Floats:
    """Quantiser step of canonical keypoints; qp does not touch it, a keyframe is rare."""
    return np.float32(tables.canonical_step) * np.ones((), np.float32)


def origin(reference: HeldReference, tables: CodingTables, qp: int) -> Chain:
    """What an unchained frame is coded against: the reference's own motion, no residual."""
    nothing = np.zeros(MOTION_NUMBERS, np.int32)
    own = quantize(reference.motion, step=motion_steps(tables, qp), prediction=nothing)
    return Chain(qp, own, np.zeros(COEFFICIENTS, np.int32))


def make_state(
    chain: Chain, tables: CodingTables, *, reference: HeldReference, number: int, pts: int, base: bool
) -> MotionState:
    """The integers of a frame -> how to show it. A frame at its reference's own motion keeps it exactly."""
    start = origin(reference, tables, chain.qp)
    step = motion_steps(tables, chain.qp)
    # Relative to the reference's exact motion, so that "no difference" means no warp whatever the step.
    motion = reference.motion + dequantize(chain.motion - start.motion, step=step)
    coefficients = dequantize(chain.residual, step=residual_step(tables, chain.qp))
    return MotionState(pts, number, reference.id, base, bounded(motion), coefficients, chain)


def bounded(motion: Floats) -> Floats:
    """Motion numbers kept where the networks stay finite, whatever a peer sends."""
    return np.clip(motion, -_MOTION_LIMIT, _MOTION_LIMIT).astype(np.float32)


def advance(chain: Chain, difference: Chain) -> Chain:
    """The next link: sums, kept in range whatever a peer sends."""
    motion = np.clip(chain.motion + difference.motion, -SYMBOL_LIMIT, SYMBOL_LIMIT)
    residual = np.clip(chain.residual + difference.residual, -SYMBOL_LIMIT, SYMBOL_LIMIT)
    return Chain(chain.qp, motion, residual)


def walk_frame(
    symbols: SymbolCoder, coder: Coder, difference: Chain, *, activities: tuple[int, int]
) -> tuple[Symbols, Symbols]:
    """The entropy-coded part of a motion half, for reading, writing and counting."""
    motion, _ = symbols.motion(coder, difference.motion, activity=activities[0])
    residual, _ = symbols.residual(coder, difference.residual, activity=activities[1])
    return motion, residual


def write_frame(symbols: SymbolCoder, difference: Chain) -> tuple[bytes, int]:
    """Differences -> the fewest bytes, none when nothing differs; and how many bits of them are the base layer's."""
    if not difference.motion.any() and not difference.residual.any():
        return b"", 0
    activities = (symbols.motion_activity(difference.motion), symbols.residual_activity(difference.residual))
    writer = Writer(symbols.models)
    walk_frame(symbols, writer, difference, activities=activities)
    base_bits = symbols.costs.motion(difference.motion)[activities[0]]
    # No bytes at all would mean that nothing differs; the reader puts zeros after the end.
    return writer.to_bytes() or b"\0", round(float(base_bits))


def read_frame(symbols: SymbolCoder, data: bytes, *, qp: int) -> Chain:
    """The inverse of write_frame. BitstreamError on damage that shows."""
    nothing = Chain(qp, np.zeros(MOTION_NUMBERS, np.int32), np.zeros(COEFFICIENTS, np.int32))
    if not data:
        return nothing
    motion, residual = walk_frame(symbols, Reader(data, symbols.models), nothing, activities=(0, 0))
    return Chain(qp, motion, residual)


def walk_pose(
    symbols: SymbolCoder, coder: Coder, *, offsets: Symbols | None, difference: Symbols, activity: int
) -> tuple[Symbols | None, Symbols]:
    """The entropy-coded part of a reference half: canonical offsets unless None, then the motion differences."""
    if offsets is not None:
        offsets = symbols.canonical(coder, offsets)
    difference, _ = symbols.motion(coder, difference, activity=activity)
    return offsets, difference


def full_flow(runtime: Runtime, reference: HeldReference, state: MotionState) -> tuple[Floats, Floats]:
    """Warping field (64, 64, 2) of base layer and residual together, and the occlusion map (64, 64)."""
    driving = state.motion if state.base else reference.motion
    flow, occlusion = runtime.base_flow(reference.prepared, driving_motion=driving)
    if state.coefficients.any():
        flow = flow + inverse(state.coefficients)
    return flow, occlusion


def timestamp_of(pts: int, *, number: int, reference: HeldReference) -> int | None:
    """The time stamp a frame needs; None when its pts follows from its number."""
    frames = (number - reference.number) % NUMBERS
    elapsed = pts - reference.pts
    if elapsed == frames * reference.duration:
        return None
    return round(elapsed / TICK) % _TIMESTAMPS


def pts_of(motion: CodedMotion, *, number: int, reference: HeldReference, near: int) -> int:
    """The pts of a frame; a time stamp's wrap-arounds are resolved towards `near`, the newest pts known."""
    if motion.timestamp is None:
        return reference.pts + (number - reference.number) % NUMBERS * reference.duration
    period = _TIMESTAMPS * TICK
    pts = reference.pts + motion.timestamp * TICK
    return pts + round((near - pts) / period) * period
