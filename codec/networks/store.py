"""Stages 3 and 9, store: the networks as torch modules to and from a weight file, for training and export."""

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from codec.bits.symbols import CodingTables
from codec.networks.model import FaceModel
from codec.weights.files import INTEGER_TABLES, TABLES_PREFIX, Weights


def model_of(weights: Weights) -> FaceModel:
    """The networks of a weight file, in eval mode."""
    model = FaceModel()
    model.load_state_dict(
        {name: torch.from_numpy(tensor.astype(np.float32)) for name, tensor in weights.tensors.items()}
    )
    model.eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):  # channels-last weights: oneDNN's fastest layout on the CPU
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    return model


def serialize(model: FaceModel, tables: CodingTables, *, metadata: dict[str, str]) -> bytes:
    """The bytes of a weight file."""
    tensors: dict[str, Tensor] = {key: value.detach().cpu().half() for key, value in model.state_dict().items()}
    for name in INTEGER_TABLES:
        tensors[TABLES_PREFIX + name] = torch.from_numpy(np.asarray(getattr(tables, name), np.int32))
    tensors[TABLES_PREFIX + "canonical_scale"] = torch.tensor([tables.canonical_scale], dtype=torch.int32)
    for name in ("motion_steps", "face_steps", "face_motion"):
        tensors[TABLES_PREFIX + name] = torch.from_numpy(np.asarray(getattr(tables, name), np.float32))
    tensors[TABLES_PREFIX + "residual_step"] = torch.tensor([tables.residual_step])
    tensors[TABLES_PREFIX + "canonical_step"] = torch.tensor([tables.canonical_step])
    return bytes(save({k: v.contiguous() for k, v in tensors.items()}, metadata=metadata))
