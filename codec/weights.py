"""Weight files by name: the networks and coding tables of one safetensors file, checked by sha256.

`codec/weights/index.json` names each file with its sha256; the first four bytes of that hash are the *weights id* that
a keyframe carries, so that a decoder with other weights says so instead of showing noise. A file of your own is used
by its path. Tensors are stored in float16 (networks), float32 (steps) and int32 (tables).
"""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from codec.entropy import SCALES, TABLE_SIZE, check_tables, default_tables, normalize
from codec.errors import WeightsError
from codec.motion import EXPRESSIONS, MOTION_NUMBERS, POSE_NUMBERS
from codec.networks import FaceModel
from codec.residual import DIAGONALS
from codec.symbols import CLASSES, CONTEXTS, CodingTables

FOLDER = Path(__file__).parent / "weights"
ID_BYTES = 4
_TABLES = "tables."
_FREQUENCIES = {
    "tables": (SCALES, TABLE_SIZE),
    "class_tables": (2, CLASSES),
    "presence_table": (1, 2),
    "diagonal_tables": (CLASSES, DIAGONALS + 1),
}
_INTEGER_TABLES = (*_FREQUENCIES, "motion_profile", "residual_profile", "context_shift")


@dataclass(frozen=True, slots=True)
class Weights:
    """One weight file in memory; `identifier` is its weights id."""

    model: FaceModel
    tables: CodingTables
    identifier: bytes


def find(name: str) -> tuple[Path, str | None]:
    """The file of a name in the index, or a path, with the sha256 it must have (None for a path)."""
    index = json.loads((FOLDER / "index.json").read_text())
    if name in index:
        return FOLDER / index[name]["file"], str(index[name]["sha256"])
    path = Path(name)
    if path.suffix == ".safetensors" and path.is_file():
        return path, None
    raise WeightsError(f"no weights named {name!r}; there are {', '.join(sorted(index))}, or give a .safetensors file")


def load(name: str) -> Weights:
    """The weights of a name, made once a process. WeightsError when absent, damaged or of another shape."""
    path, sha256 = find(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}") from error
    digest = hashlib.sha256(data)
    if sha256 is not None and digest.hexdigest() != sha256:
        raise WeightsError(f"{path.name} is damaged: its sha256 is not the one in index.json")
    return _parse_once(data, digest.digest()[:ID_BYTES])


@lru_cache(maxsize=2)
def _parse_once(data: bytes, identifier: bytes) -> Weights:
    """By content, not by name: a training run writes the same file again and again."""
    return parse(data, identifier=identifier)


def parse(data: bytes, *, identifier: bytes) -> Weights:
    """A weight file's bytes -> networks in eval mode and tables."""
    try:
        tensors = load_safetensors(data)
        tables = _read_tables({k.removeprefix(_TABLES): v for k, v in tensors.items() if k.startswith(_TABLES)})
        model = FaceModel()
        state = {key: value.float() for key, value in tensors.items() if not key.startswith(_TABLES)}
        if not all(bool(value.isfinite().all()) for value in state.values()):
            raise ValueError("a weight is not a number")
        model.load_state_dict(state)
    except (SafetensorError, KeyError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"weights do not fit this build: {reason}") from error
    model.eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):  # channels-last weights: oneDNN's fastest layout on the CPU
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    return Weights(model, tables, identifier)


def serialize(model: FaceModel, tables: CodingTables, *, metadata: dict[str, str]) -> bytes:
    """The bytes of a weight file."""
    tensors: dict[str, Tensor] = {key: value.detach().cpu().half() for key, value in model.state_dict().items()}
    for name in _INTEGER_TABLES:
        tensors[_TABLES + name] = torch.from_numpy(np.asarray(getattr(tables, name), np.int32))
    tensors[_TABLES + "canonical_scale"] = torch.tensor([tables.canonical_scale], dtype=torch.int32)
    tensors[_TABLES + "motion_steps"] = torch.from_numpy(np.asarray(tables.motion_steps, np.float32))
    tensors[_TABLES + "residual_step"] = torch.tensor([tables.residual_step])
    tensors[_TABLES + "canonical_step"] = torch.tensor([tables.canonical_step])
    return bytes(save_safetensors({k: v.contiguous() for k, v in tensors.items()}, metadata=metadata))


def default_coding_tables() -> CodingTables:
    """Tables to start from, before any were counted on coded clips."""
    steps = np.full(MOTION_NUMBERS, 0.25, np.float32)
    steps[:POSE_NUMBERS] = (0.0175, 0.0175, 0.0125, 0.0085, 0.005, 0.005)
    steps[MOTION_NUMBERS - 6 :] = 0.085
    profile = np.full(MOTION_NUMBERS, 2, np.int64)
    diagonals = np.round(6 - 5 * np.log2(1 + np.arange(DIAGONALS) / 3)).astype(np.int64)
    assert len(profile) == POSE_NUMBERS + EXPRESSIONS
    return CodingTables(
        motion_steps=steps,
        residual_step=0.0147,
        canonical_step=0.02,
        tables=default_tables(),
        class_tables=_flat(2, CLASSES),
        presence_table=_flat(1, 2),
        diagonal_tables=_flat(CLASSES, DIAGONALS + 1),
        motion_profile=profile,
        residual_profile=diagonals,
        context_shift=np.array([0, 2, 3, 4], np.int64),
        canonical_scale=9,
    )


def _flat(rows: int, size: int) -> npt.NDArray[np.int64]:
    return np.stack([normalize(np.ones(size))] * rows)


def _read_tables(tensors: dict[str, Tensor]) -> CodingTables:
    values: dict[str, Any] = {name: tensors[name].long().numpy() for name in _INTEGER_TABLES}
    shapes = {"motion_profile": MOTION_NUMBERS, "residual_profile": DIAGONALS, "context_shift": CONTEXTS}
    for name, length in shapes.items():
        if values[name].shape != (length,) or np.abs(values[name]).max() > 2 * SCALES:
            raise ValueError(f"{name} has another shape")
    if not all(check_tables(values[name], rows=rows, size=size) for name, (rows, size) in _FREQUENCIES.items()):
        raise ValueError("frequency tables are damaged")
    steps = tensors["motion_steps"].float().numpy()
    scalars: dict[str, Any] = {name: float(tensors[name].reshape(())) for name in ("residual_step", "canonical_step")}
    if steps.shape != (MOTION_NUMBERS,) or not all(0 < step < np.inf for step in (*steps, *scalars.values())):
        raise ValueError("quantiser steps are damaged")
    canonical_scale = int(tensors["canonical_scale"].reshape(()))
    return CodingTables(motion_steps=steps, canonical_scale=canonical_scale, **scalars, **values)
