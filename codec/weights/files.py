"""Weight files by name: the networks and coding tables of one safetensors file, checked by sha256.

`codec/weights/index.json` names each file with its sha256; the first four bytes of that hash are the *weights id* that
a keyframe carries, so that a decoder with other weights says so instead of showing noise. A file of your own is used
by its path. Tensors are stored in float16 (networks), float32 (steps) and int32 (tables).
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors

from codec.bits.entropy import SCALES, TABLE_SIZE, check_tables, default_tables, normalize
from codec.bits.symbols import CLASSES, CONTEXTS, WINDOW_SETS, CodingTables, SymbolCoder
from codec.errors import WeightsError
from codec.graphs.files import weight_shapes
from codec.motion.expression import FACE_NUMBERS, PICTURE_SIDE, POSE
from codec.motion.parameters import EXPRESSIONS, MOTION_NUMBERS, POSE_NUMBERS
from codec.motion.residual import DIAGONALS

FOLDER = Path(__file__).parent
ID_BYTES = 4
Range = tuple[float, float]  # smallest and largest value of an activation
_WIDEST = 1e30
_STEPS = (1e-6, 1e3)  # of quantisers at qp 32: beyond, what they give leaves float32
_MOST_MOTION = 1e6  # of face_motion
_LARGEST_WEIGHT = float(np.finfo(np.float16).max)
_MOST_LOADED = 4
TABLES_PREFIX = "tables."
_FREQUENCIES = {
    "tables": (SCALES, TABLE_SIZE),
    "class_tables": (3, CLASSES),
    "windows_tables": (WINDOW_SETS, WINDOW_SETS),
    "presence_table": (1, 2),
    "diagonal_tables": (CLASSES, DIAGONALS + 1),
}
INTEGER_TABLES = (*_FREQUENCIES, "motion_profile", "face_profile", "residual_profile", "context_shift")


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """One weight file in memory: the networks' tensors by name, float16; `identifier` is its weights id."""

    tensors: dict[str, npt.NDArray[np.float16]]
    tables: CodingTables
    identifier: bytes
    ranges: dict[str, Range] = field(default_factory=dict)  # of activations, for int8; empty where never measured
    made: dict[Any, Any] = field(default_factory=dict, repr=False)  # what is kept as long as the weights live

    @property
    def symbols(self) -> SymbolCoder:
        """The walks over its tables, made once: encoder, decoder and what packs for them share one."""
        if SymbolCoder not in self.made:
            self.made[SymbolCoder] = SymbolCoder.of(self.tables)
        coder: SymbolCoder = self.made[SymbolCoder]
        return coder


_loaded: dict[tuple[bytes, bytes | None], Weights] = {}


def find(name: str) -> tuple[Path, str | None]:
    """The file of a name in the index, or a path, with the sha256 it must have (None for a path)."""
    index = json.loads((FOLDER / "index.json").read_text())
    if name in index:
        return FOLDER / index[name]["file"], str(index[name]["sha256"])
    path = Path(name)
    with suppress(OSError):  # a name that no file can have
        if path.suffix == ".safetensors" and path.is_file():
            return path, None
    raise WeightsError(f"no weights named {name!r}; there are {', '.join(sorted(index))}, or give a .safetensors file")


def named(identifier: bytes) -> str | None:
    """The name in the index of the weights with this id, None where it has none. No file is opened."""
    index = json.loads((FOLDER / "index.json").read_text())
    return next((name for name in index if index[name]["sha256"].startswith(identifier.hex())), None)


def identify(name: str) -> bytes:
    """The weights id of a name, without reading the networks. WeightsError when there is no such file."""
    path, sha256 = find(name)
    digest = bytes.fromhex(sha256) if sha256 is not None else hashlib.sha256(_read(path)).digest()
    return digest[:ID_BYTES]


def load(name: str, *, ranges: bool = True) -> Weights:
    """The weights of a name, made once a process. WeightsError when absent, damaged or of another shape.

    Without `ranges` a file of them beside the weights is not looked at.
    """
    path, sha256 = find(name)
    data = _read(path)
    digest = hashlib.sha256(data)
    if sha256 is not None and digest.hexdigest() != sha256:
        raise WeightsError(f"{path.name} is damaged: its sha256 is not the one in index.json")
    beside = ranges_path(path)
    text = _read(beside) if ranges and beside.is_file() else None
    # By content, not by name: a training run writes the same file again and again.
    key = (digest.digest(), text)
    if key not in _loaded:
        identifier = digest.digest()[:ID_BYTES]
        held = parse(data, identifier=identifier)
        if text is not None:
            held = replace(held, ranges=_parse_ranges(text, name=beside.name, identifier=identifier))
        _loaded[key] = held
        while len(_loaded) > _MOST_LOADED:
            _loaded.pop(next(iter(_loaded)))
    return _loaded[key]


def ranges_path(path: Path) -> Path:
    """Where the ranges for int8 of a weight file lie."""
    return path.with_suffix(".int8.json")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}") from error


def _parse_ranges(text: bytes, *, name: str, identifier: bytes) -> dict[str, Range]:
    """None where they were measured with other weights. WeightsError when this is no such file."""
    try:
        held = json.loads(text)
        if held["weights_id"] != identifier.hex():
            return {}
        ranges = {layer: (float(low), float(high)) for layer, (low, high) in held["ranges"].items()}
        if not all(-_WIDEST < low <= high < _WIDEST for low, high in ranges.values()):
            raise ValueError("a range is not one")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise WeightsError(f"{name} is damaged: {error}") from error
    return ranges


def parse(data: bytes, *, identifier: bytes) -> Weights:
    """A weight file's bytes -> the networks' tensors and the coding tables."""
    try:
        held = load_safetensors(data)
        tensors = {name: held.pop(name) for name in list(held) if not name.startswith(TABLES_PREFIX)}
        _check_tensors(tensors)
        tables = _read_tables({name.removeprefix(TABLES_PREFIX): value for name, value in held.items()})
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"weights do not fit this build: {reason}") from error
    return Weights(tensors, tables, identifier)


def _check_tensors(tensors: dict[str, npt.NDArray[Any]]) -> None:
    expected = weight_shapes()
    if unlike := expected.keys() ^ tensors.keys():
        raise ValueError(f"{min(unlike)} is {'missing' if unlike <= expected.keys() else 'not known'}")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name] or not np.issubdtype(tensor.dtype, np.floating):
            raise ValueError(f"{name} has another shape")
        if not (np.abs(tensor) <= _LARGEST_WEIGHT).all():  # nor what is no number
            raise ValueError("a weight is not a number, or not one of float16")


def default_coding_tables() -> CodingTables:
    """Tables to start from, before any were counted on coded clips."""
    steps = np.full(MOTION_NUMBERS, 0.25, np.float32)
    steps[:POSE_NUMBERS] = (0.0175, 0.0175, 0.0125, 0.0085, 0.005, 0.005)
    steps[MOTION_NUMBERS - 6 :] = 0.085
    face_steps = np.full(FACE_NUMBERS, 0.06, np.float32)
    face_steps[:POSE] = (0.022, 0.022, 0.012, 0.009, 0.75, 0.75)
    profile = np.full(MOTION_NUMBERS, 2, np.int64)
    diagonals = np.round(6 - 5 * np.log2(1 + np.arange(DIAGONALS) / 3)).astype(np.int64)
    assert len(profile) == POSE_NUMBERS + EXPRESSIONS
    return CodingTables(
        motion_steps=steps,
        face_steps=face_steps,
        face_motion=_face_motion(),
        residual_step=0.0147,
        canonical_step=0.02,
        tables=default_tables(),
        class_tables=_flat(3, CLASSES),
        windows_tables=_flat(WINDOW_SETS, WINDOW_SETS),
        presence_table=_flat(1, 2),
        diagonal_tables=_flat(CLASSES, DIAGONALS + 1),
        motion_profile=profile,
        face_profile=np.full(FACE_NUMBERS, 2, np.int64),
        residual_profile=diagonals,
        context_shift=np.array([0, 2, 3, 4], np.int64),
        canonical_scale=9,
    )


def _face_motion() -> npt.NDArray[np.float32]:
    """The head's pose alone: the same angles, scale and translation, of which the latter is told in pixels."""
    matrix = np.zeros((FACE_NUMBERS, MOTION_NUMBERS), np.float32)
    matrix[:POSE_NUMBERS, :POSE_NUMBERS] = np.diag([1, 1, 1, 1, 2 / PICTURE_SIDE, 2 / PICTURE_SIDE])
    return matrix


def _flat(rows: int, size: int) -> npt.NDArray[np.int64]:
    return np.stack([normalize(np.ones(size))] * rows)


def _read_tables(tensors: dict[str, npt.NDArray[Any]]) -> CodingTables:
    if not all(np.issubdtype(tensors[name].dtype, np.integer) for name in INTEGER_TABLES):
        raise ValueError("a table is not of integers")
    values: dict[str, Any] = {name: tensors[name].astype(np.int64) for name in INTEGER_TABLES}
    shapes = {
        "motion_profile": MOTION_NUMBERS,
        "face_profile": FACE_NUMBERS,
        "residual_profile": DIAGONALS,
        "context_shift": CONTEXTS,
    }
    for name, length in shapes.items():
        if values[name].shape != (length,) or not _within(values[name], -2 * SCALES, 2 * SCALES):
            raise ValueError(f"{name} has another shape, or values out of range")
    if not all(check_tables(values[name], rows=rows, size=size) for name, (rows, size) in _FREQUENCIES.items()):
        raise ValueError("frequency tables are damaged")
    steps: dict[str, Any] = {
        name: tensors[name].astype(np.float32) for name in ("motion_steps", "face_steps", "face_motion")
    }
    scalars: dict[str, Any] = {name: float(tensors[name].reshape(())) for name in ("residual_step", "canonical_step")}
    if steps["motion_steps"].shape != (MOTION_NUMBERS,) or steps["face_steps"].shape != (FACE_NUMBERS,):
        raise ValueError("quantiser steps have another shape")
    matrix = steps["face_motion"]
    if matrix.shape != (FACE_NUMBERS, MOTION_NUMBERS) or not _within(matrix, -_MOST_MOTION, _MOST_MOTION):
        raise ValueError("face_motion is damaged")
    all_steps = np.array([*steps["motion_steps"], *steps["face_steps"], *scalars.values()])
    canonical_scale = tensors["canonical_scale"].reshape(())
    if not _within(all_steps, *_STEPS):
        raise ValueError("quantiser steps are damaged")
    if not (np.issubdtype(canonical_scale.dtype, np.integer) and _within(canonical_scale, -2 * SCALES, 2 * SCALES)):
        raise ValueError("canonical_scale is damaged")
    return CodingTables(**steps, canonical_scale=int(canonical_scale), **scalars, **values)


def _within(values: npt.NDArray[Any], low: float, high: float) -> bool:
    """Whether all of them are numbers from `low` to `high`."""
    return bool(((low <= values) & (values <= high)).all())
