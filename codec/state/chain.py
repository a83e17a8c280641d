"""Stages 4 and 8, state: the references and the chain that encoder and decoder both hold.

Both ends run these functions on the same integers, so that the encoder always knows what the receiver has.
"""

from dataclasses import dataclass

import numpy as np

from codec.bits.bitstream import NUMBERS, TICK, CodedMotion
from codec.bits.entropy import Coder, Reader, Writer
from codec.bits.quantizer import SYMBOL_LIMIT, Symbols, dequantize, quantize, step_scale
from codec.bits.symbols import CodingTables, SymbolCoder
from codec.engines.runtime import Runtime
from codec.motion.expression import FACE_NUMBERS, POSE
from codec.motion.landmark_flow import follow_landmarks
from codec.motion.parameters import MOTION_NUMBERS
from codec.motion.residual import COEFFICIENTS, inverse
from codec.motion.still import without_still_places
from codec.state.references import HeldReference
from codec.units import Floats

_TIMESTAMPS = 1 << 16
_MOTION_LIMIT = 20.0  # beyond any motion, and its exponential is still finite
_FACE_LEAST, _FACE_MOST = np.full(FACE_NUMBERS, -8.0, np.float32), np.full(FACE_NUMBERS, 8.0, np.float32)
_FACE_LEAST[3:POSE], _FACE_MOST[3:POSE] = (1.0, -1024.0, -1024.0), (6.5, 1024.0, 1024.0)  # scale, translation
# What face numbers serve: the mouth is drawn, the eyes are; the base layer moves by them, without which neither is.
MOUTH_BIT, EYES_BIT, FACE_BIT = 1, 2, 4
ALL_WINDOWS = MOUTH_BIT | EYES_BIT | FACE_BIT
STILL_BIT = 8  # beside them: what stands still is not moved


@dataclass(frozen=True, slots=True)
class Chain:
    """The integers the next frame of a bundle is coded against."""

    qp: int
    motion: Symbols  # (MOTION_NUMBERS,)
    residual: Symbols  # (2, 16, 16)
    face: Symbols  # (FACE_NUMBERS,), from the reference's own on
    windows: int  # bits of what the face serves; 0 as soon as anything is told of a reference that shows none


@dataclass(frozen=True, slots=True)
class MotionState:
    """How to show one frame: which reference, moved how. `chain` is None in a state mixed from two others."""

    pts: int  # 1/90000 s
    number: int
    reference_id: int
    base: bool
    motion: Floats
    coefficients: Floats  # (2, 16, 16)
    face: Floats  # (FACE_NUMBERS,)
    windows: int
    chain: Chain | None


def motion_steps(tables: CodingTables, qp: int) -> Floats:
    """Quantiser steps of the motion numbers at a qp."""
    return (tables.motion_steps * np.float32(step_scale(qp))).astype(np.float32)


def face_steps(tables: CodingTables, qp: int) -> Floats:
    """Quantiser steps of the face numbers at a qp: they grow half as fast, a mouth is heard at every quality."""
    return (tables.face_steps * np.float32(step_scale(qp) ** 0.5)).astype(np.float32)


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
    residual, face = np.zeros(COEFFICIENTS, np.int32), np.zeros(FACE_NUMBERS, np.int32)
    return Chain(qp, own, residual, face, ALL_WINDOWS)


def make_state(
    chain: Chain, tables: CodingTables, *, reference: HeldReference, number: int, pts: int, base: bool
) -> MotionState:
    """The integers of a frame -> how to show it. A frame at its reference's own motion keeps it exactly."""
    start = origin(reference, tables, chain.qp)
    step = motion_steps(tables, chain.qp)
    # Relative to the reference's exact motion, so that "no difference" means no warp whatever the step.
    motion = reference.motion + dequantize(chain.motion - start.motion, step=step)
    face, windows = face_numbers(chain, tables, reference), 0 if reference.face is None else chain.windows
    if reference.face is not None and windows & FACE_BIT:
        motion = reference.motion + (face - reference.face.person.own) @ tables.face_motion
    coefficients = dequantize(chain.residual, step=residual_step(tables, chain.qp))
    return MotionState(
        pts=pts,
        number=number,
        reference_id=reference.id,
        base=base,
        motion=bounded(motion),
        coefficients=coefficients,
        face=face,
        # The reference's own face needs no drawing.
        windows=windows if chain.face.any() else 0,
        chain=chain,
    )


def bounded(motion: Floats) -> Floats:
    """Motion numbers kept where the networks stay finite, whatever a peer sends."""
    return np.clip(motion, -_MOTION_LIMIT, _MOTION_LIMIT).astype(np.float32)


def face_numbers(chain: Chain, tables: CodingTables, reference: HeldReference) -> Floats:
    """Face numbers of a chain, kept where landmarks stay near the picture, whatever a peer sends."""
    if reference.face is None:
        return np.zeros(FACE_NUMBERS, np.float32)
    face = reference.face.person.own + dequantize(chain.face, step=face_steps(tables, chain.qp))
    return np.asarray(np.clip(face, _FACE_LEAST, _FACE_MOST), np.float32)


def advance(chain: Chain, difference: Chain) -> Chain:
    """The next link: sums, kept in range whatever a peer sends."""
    motion = np.clip(chain.motion + difference.motion, -SYMBOL_LIMIT, SYMBOL_LIMIT)
    residual = np.clip(chain.residual + difference.residual, -SYMBOL_LIMIT, SYMBOL_LIMIT)
    face = np.clip(chain.face + difference.face, -SYMBOL_LIMIT, SYMBOL_LIMIT)
    return Chain(chain.qp, motion, residual, face, difference.windows)


def difference_of(chain: Chain, before: Chain) -> Chain:
    """What `advance` adds to get from one link to the next; the windows are not added but named."""
    motion, residual = chain.motion - before.motion, chain.residual - before.residual
    return Chain(before.qp, motion, residual, chain.face - before.face, chain.windows)


def activities_of(symbols: SymbolCoder, difference: Chain) -> tuple[int, int, int]:
    """The classes that code a difference's motion, face and residual with the fewest bits."""
    return (
        symbols.motion_activity(difference.motion),
        symbols.face_activity(difference.face),
        symbols.residual_activity(difference.residual),
    )


def no_difference(*, qp: int, windows: int) -> Chain:
    """What adds nothing."""
    motion, face = np.zeros(MOTION_NUMBERS, np.int32), np.zeros(FACE_NUMBERS, np.int32)
    return Chain(qp, motion, np.zeros(COEFFICIENTS, np.int32), face, windows)


def walk_frame(
    symbols: SymbolCoder, coder: Coder, difference: Chain, *, windows: int, activities: tuple[int, int, int]
) -> Chain:
    """The entropy-coded part of a motion half, for reading, writing and counting; `windows`: of the link before."""
    motion, face = difference.motion, difference.face
    now = symbols.windows(coder, difference.windows, before=windows)
    if now:
        face, _ = symbols.face(coder, face, activity=activities[1])
    else:
        motion, _ = symbols.motion(coder, motion, activity=activities[0])
    residual, _ = symbols.residual(coder, difference.residual, activity=activities[2])
    return Chain(difference.qp, motion, residual, face, now)


def write_frame(symbols: SymbolCoder, difference: Chain, *, windows: int | None) -> tuple[bytes, int]:
    """Differences -> the fewest bytes, none when nothing differs; and how many bits of them are the base layer's.

    `windows` are those of the link that the differences are added to, None where that is not known: something is
    written then. The walk does not lean on them, so that a frame can be read by itself; a bundle's does.
    """
    if not any(part.any() for part in (difference.motion, difference.residual, difference.face)) and (
        difference.windows == windows
    ):
        return b"", 0
    activities = activities_of(symbols, difference)
    writer = Writer(symbols.models)
    walk_frame(symbols, writer, difference, windows=ALL_WINDOWS, activities=activities)
    if difference.windows:
        base_bits = symbols.costs.face(difference.face)[activities[1]]
    else:
        base_bits = symbols.costs.motion(difference.motion)[activities[0]]
    # No bytes at all would mean that nothing differs; the reader puts zeros after the end.
    return writer.to_bytes() or b"\0", round(float(base_bits))


def read_frame(symbols: SymbolCoder, data: bytes, *, qp: int, windows: int) -> Chain:
    """The inverse of write_frame; no bytes leave the windows as they are. BitstreamError on damage that shows."""
    nothing = no_difference(qp=qp, windows=windows)
    if not data:
        return nothing
    return walk_frame(symbols, Reader(data, symbols.models), nothing, windows=ALL_WINDOWS, activities=(0, 0, 0))


def base_layer(runtime: Runtime, reference: HeldReference, state: MotionState) -> tuple[Floats, Floats]:
    """Warping field (64, 64, 2) of the base layer, and the occlusion map (64, 64)."""
    driving = state.motion if state.base else reference.motion
    flow, occlusion = runtime.base_flow(reference.prepared, driving_motion=driving)
    face = reference.face
    if face is None or not state.base or not state.windows & FACE_BIT:
        return flow, occlusion
    landmarks = face.person.landmarks(state.face)
    return follow_landmarks(flow, target=landmarks, reference=face.landmarks, side=face.person.side), occlusion


def full_flow(runtime: Runtime, reference: HeldReference, state: MotionState) -> tuple[Floats, Floats]:
    """Warping field (64, 64, 2) of base layer and residual together, and the occlusion map (64, 64)."""
    flow, occlusion = base_layer(runtime, reference, state)
    if state.coefficients.any():
        flow = flow + inverse(state.coefficients)
    return without_still_places(flow, reference.still if state.windows & STILL_BIT else None), occlusion


def timestamp_of(pts: int, *, number: int, reference: HeldReference) -> int | None:
    """The time stamp a frame needs; None when its pts follows from its number, as nearly as a stamp would tell it."""
    frames = (number - reference.number) % NUMBERS
    elapsed = pts - reference.pts
    if abs(elapsed - frames * reference.duration) <= TICK // 2:
        return None
    return round(elapsed / TICK) % _TIMESTAMPS


def pts_of(motion: CodedMotion, *, number: int, reference: HeldReference, near: int) -> int:
    """The pts of a frame; a time stamp's wrap-arounds are resolved towards `near`, the newest pts known."""
    if motion.timestamp is None:
        return reference.pts + (number - reference.number) % NUMBERS * reference.duration
    period = _TIMESTAMPS * TICK
    pts = reference.pts + motion.timestamp * TICK
    return pts + round((near - pts) / period) * period
