"""Training, tables: counts what the encoder really codes and fits frequency tables and profiles to it.

Coordinate descent on the bits spent: each frame's activity class, each symbol's profile offset and each context's
shift in turn take the value that codes the collected symbols with the fewest bits; then every scale's frequencies are
counted anew, with a Laplacian for what was never seen. Classes and diagonals are counted last, as the coder chooses
them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from codec.bits.entropy import PRECISION, REACH, SCALES, TABLE_SIZE, default_tables, normalize
from codec.bits.quantizer import Symbols
from codec.bits.symbols import CLASSES, CONTEXTS, WINDOW_SETS, CodingTables, SymbolCoder, coded_diagonals
from codec.config import CodecConfig
from codec.motion.expression import FACE_NUMBERS
from codec.motion.parameters import MOTION_NUMBERS
from codec.motion.residual import DIAGONALS
from codec.state.chain import ALL_WINDOWS, read_frame
from codec.units import Image

Integers = npt.NDArray[np.int64]
_ROUNDS = 4
_PRIOR = 300.0  # symbols' worth of Laplacian in each fitted table
_CLASS_ROUNDS = 2
_SHARED = 0.05
_FEWEST_MOTIONS = 200
_OFFSETS = np.arange(-8, 13)


@dataclass(frozen=True, slots=True)
class Collected:
    """Symbols one by one: the frame each is of, its profile index, its context and the index in its table."""

    frame: Integers
    profile: Integers
    context: Integers
    column: Integers


@dataclass(frozen=True, slots=True)
class Differences:
    """What coded frames differed by from what they were coded against."""

    motion: list[Symbols]
    residual: list[Symbols]
    face: list[Symbols]
    windows: list[tuple[int, int]]  # the set before, the set now


def collect(
    clips: Sequence[Sequence[Image]],
    tables: CodingTables,
    *,
    weights: str,
    qps: Sequence[int],
    tick: Callable[[], None] = lambda: None,
) -> Differences:
    """Codes each clip at one of the qps, with the tables of the weights in use, and gathers the differences."""
    from codec.encoder import Encoder  # here, because a machine that only trains may lack PyAV

    symbols = SymbolCoder.of(tables)
    found = Differences([], [], [], [])
    for number, frames in enumerate(clips):
        encoder = Encoder(CodecConfig(qp=qps[number % len(qps)], weights=weights, measure_every=1 << 30))
        windows = ALL_WINDOWS
        for index, frame in enumerate(frames):
            coded = encoder.encode(frame, pts=3600 * index)
            if coded.motion is not None and not coded.motion.chained:
                windows = ALL_WINDOWS
            if coded.motion is not None and coded.motion.symbols:
                difference = read_frame(symbols, coded.motion.symbols, qp=0, windows=windows)
                found.windows.append((windows, difference.windows))
                windows = difference.windows
                if difference.windows:
                    found.face.append(difference.face)
                else:
                    found.motion.append(difference.motion)
                if difference.residual.any():
                    found.residual.append(difference.residual)
        tick()
    return found


def fit(differences: Differences, tables: CodingTables) -> CodingTables:
    """Tables under which these differences take the fewest bits."""
    motion = _vector_entries(differences.motion or [np.zeros(MOTION_NUMBERS, np.int32)])
    face = _vector_entries(differences.face or [np.zeros(FACE_NUMBERS, np.int32)])
    residual = _residual_entries(differences.residual)
    frequencies = default_tables()
    motion_profile, residual_profile = tables.motion_profile.copy(), tables.residual_profile.copy()
    face_profile = tables.face_profile.copy()
    shift, still = tables.context_shift.copy(), np.zeros(1, np.int64)
    for _ in range(_ROUNDS):
        bits = PRECISION - np.log2(frequencies)
        motion_scales = _descend(motion, bits, motion_profile, still)
        face_scales = _descend(face, bits, face_profile, still)
        residual_scales = _descend(residual, bits, residual_profile, shift)
        counts = np.zeros((SCALES, TABLE_SIZE))
        for entries, scales in ((motion, motion_scales), (face, face_scales), (residual, residual_scales)):
            np.add.at(counts, (scales, entries.column), 1)
        prior = default_tables() / float(1 << PRECISION)
        # Signs carry no information: a table is as wide to the left as to the right.
        counts[:, :-1] = (counts[:, :-1] + counts[:, -2::-1]) / 2
        frequencies = np.stack([normalize(row + _PRIOR * base) for row, base in zip(counts, prior, strict=True)])
    fitted = replace(
        tables,
        tables=frequencies,
        motion_profile=motion_profile if _is_known(differences) else tables.motion_profile,
        face_profile=face_profile,
        residual_profile=residual_profile,
        context_shift=shift,
    )
    for _ in range(_CLASS_ROUNDS):
        fitted = _count_classes(differences, fitted)
    return fitted


def _is_known(differences: Differences) -> bool:
    """Whether enough frames were told by keypoints: where there is a face, few are."""
    return len(differences.motion) >= _FEWEST_MOTIONS


def _count_classes(differences: Differences, tables: CodingTables) -> CodingTables:
    """Tables of the activity classes, of presence and of diagonals; which class is chosen depends on them in turn."""
    coder = SymbolCoder.of(tables)
    classes = np.ones((3, CLASSES))
    windows = np.ones((WINDOW_SETS, WINDOW_SETS))
    diagonals = np.ones((CLASSES, DIAGONALS + 1))
    for motion in differences.motion:
        classes[0, coder.motion_activity(motion)] += 1
    for face in differences.face:
        classes[2, coder.face_activity(face)] += 1
    for before, now in differences.windows:
        windows[before, now] += 1
    for residual in differences.residual:
        activity, count = coder.residual_activity(residual), coded_diagonals(residual)
        classes[1, activity] += 1
        diagonals[:, count] += _SHARED  # classes that hardly occur look like the others
        diagonals[activity, count] += 1
    present, frames = len(differences.residual), len(differences.motion) + len(differences.face)
    presence = np.array([1.0 + max(0, frames - present), 1.0 + present])
    return replace(
        tables,
        class_tables=np.stack(
            [
                normalize(row) if index or _is_known(differences) else tables.class_tables[0]
                for index, row in enumerate(classes)
            ]
        ),
        windows_tables=np.stack([normalize(row) for row in windows]),
        presence_table=normalize(presence)[None],
        diagonal_tables=np.stack([normalize(row) for row in diagonals]),
    )


def _descend(
    entries: Collected, bits: npt.NDArray[np.float64], profile: Integers, shift: Integers
) -> npt.NDArray[np.int64]:
    """One round over activities, profile and shifts (both changed in place); the scale of each symbol after it."""

    def cost(scale: Integers) -> npt.NDArray[np.float64]:
        return np.asarray(bits[np.clip(scale, 0, SCALES - 1), entries.column])

    def best(group: Integers, groups: int, options: Integers, rest: Integers) -> Integers:
        totals = [np.bincount(group, cost(rest + option), minlength=groups) for option in options]
        return np.asarray(options[np.argmin(totals, axis=0)], np.int64)

    frames = int(entries.frame.max()) + 1
    fixed = profile[entries.profile] + shift[entries.context]
    activity = best(entries.frame, frames, np.arange(CLASSES), fixed)[entries.frame]
    used = np.unique(entries.profile)
    profile[used] = best(entries.profile, len(profile), _OFFSETS, activity + shift[entries.context])[used]
    if len(shift) > 1:
        shift[1:] = best(entries.context, len(shift), _OFFSETS, activity + profile[entries.profile])[1:]
        shift[0] = 0
    return np.asarray(np.clip(activity + profile[entries.profile] + shift[entries.context], 0, SCALES - 1), np.int64)


def _column(values: Symbols) -> Integers:
    return np.where(np.abs(values) <= REACH, values + REACH, TABLE_SIZE - 1).astype(np.int64)


def _vector_entries(differences: Sequence[Symbols]) -> Collected:
    values = np.stack(differences)
    frame, index = np.indices(values.shape).reshape(2, -1)
    return Collected(frame, index, np.zeros_like(index), _column(values).reshape(-1))


def _residual_entries(differences: Sequence[Symbols]) -> Collected:
    parts = [_residual_frame(number, values) for number, values in enumerate(differences)]
    frame, profile, context, column = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Collected(frame, profile, context, column)


def _residual_frame(number: int, values: Symbols) -> tuple[Integers, Integers, Integers, Integers]:
    """Each coefficient of the coded diagonals with its context, as symbols.SymbolCoder.residual walks them."""
    u, v = np.indices(values.shape[1:])
    size = np.abs(values).sum(0)
    near = np.zeros_like(size)
    near[1:] += size[:-1]
    near[:, 1:] += size[:, :-1]
    contexts = np.minimum(np.stack((near, near + 2 * np.minimum(np.abs(values[0]), 1))), CONTEXTS - 1)
    coded = np.broadcast_to(u + v < coded_diagonals(values), values.shape)
    diagonal = np.broadcast_to(u + v, values.shape)[coded].astype(np.int64)
    assert (diagonal < DIAGONALS).all()
    return np.full(len(diagonal), number), diagonal, contexts[coded].astype(np.int64), _column(values)[coded]
