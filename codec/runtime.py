"""Stages 3 and 9, the networks as they run: arrays in, arrays out, on torch.

The one place that another inference engine would replace. Encoder and decoder use the same instance methods in the
same order, so that on one machine the encoder's reconstruction equals the decoder's picture bit for bit.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codec import weights
from codec.networks.appearance import Appearance

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

_EXTRACTOR_PICTURE = 128
# Half the time where the processor multiplies bfloat16 itself, slower elsewhere. Only the warp's helpers run in it: the
# keypoints, the geometry and the warped pixels stay in float32.
_FEATURES = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
_HALF = any(_FEATURES.get(name) for name in ("avx512_bf16", "amx_bf16"))


@dataclass(frozen=True, slots=True)
class PreparedReference:
    """A decoded and restored reference with all that is computed once for it."""

    picture: Bytes  # (S, S, 3)
    tensor: Tensor  # (1, 3, S, S) in [0, 1]
    features: tuple[Tensor, Tensor, Tensor]


class Runtime:
    """The networks of one weight file at one picture size."""

    def __init__(self, name: str, *, threads: int) -> None:
        self.weights = weights.load(name)
        self._model = self.weights.model
        if threads:
            torch.set_num_threads(threads)
        self.mean_shape: Floats = self._model.motion_extractor.mean_shape.numpy()

    @torch.inference_mode()
    def extract(self, picture: Bytes) -> tuple[Floats, Floats]:
        """(S, S, 3) -> canonical keypoints (K, 3), motion (MOTION_NUMBERS,)."""
        small = cv2.resize(picture, (_EXTRACTOR_PICTURE, _EXTRACTOR_PICTURE), interpolation=cv2.INTER_AREA)
        canonical, motion = self._model.motion_extractor(_to_tensor(np.asarray(small, np.uint8)))
        return canonical[0].numpy(), motion[0].numpy()

    @torch.inference_mode()
    def keypoints(self, motion: Floats, canonical: Floats) -> Floats:
        """Where a motion puts the keypoints, (K, 3)."""
        extractor = self._model.motion_extractor
        return extractor.keypoints(torch.from_numpy(motion)[None], torch.from_numpy(canonical)[None])[0].numpy()

    @torch.inference_mode()
    def prepare(self, decoded: Bytes, *, crf: int) -> PreparedReference:
        """Restores a reference (S, S, 3) that was decoded at a quality index, and finds its appearance features."""
        with _reduced_precision():
            restored = _to_picture(self._model.restoration(_to_tensor(decoded), torch.tensor([float(crf)])))
            tensor = _to_tensor(restored)
            appearance: Appearance = self._model.appearance
            return PreparedReference(restored, tensor, appearance(tensor))

    @torch.inference_mode()
    def base_flow(
        self, reference: PreparedReference, *, canonical: Floats, reference_motion: Floats, driving_motion: Floats
    ) -> tuple[Floats, Floats]:
        """Warping field (64, 64, 2) and occlusion map (64, 64) of the base layer."""
        with _reduced_precision():
            flow, occlusion = self._model.base_flow(
                reference.tensor,
                canonical=torch.from_numpy(canonical)[None],
                reference_motion=torch.from_numpy(reference_motion)[None],
                driving_motion=torch.from_numpy(driving_motion)[None],
            )
        return flow[0].permute(1, 2, 0).numpy(), occlusion[0, 0].numpy()

    @torch.inference_mode()
    def generate(self, reference: PreparedReference, *, flow: Floats, occlusion: Floats) -> Bytes:
        """flow (64, 64, 2), occlusion (64, 64) -> picture uint8 (S, S, 3)."""
        with _reduced_precision():
            picture = self._model.generator(
                reference.tensor,
                features=reference.features,
                flow=torch.from_numpy(flow).permute(2, 0, 1)[None].contiguous(),
                occlusion=torch.from_numpy(occlusion)[None, None],
            )
        return _to_picture(picture)


def _reduced_precision() -> AbstractContextManager[None]:
    return cast(AbstractContextManager[None], torch.autocast("cpu", torch.bfloat16, enabled=_HALF))


def _to_picture(tensor: Tensor) -> Bytes:
    """(1, 3, S, S), nominally in [0, 1] -> (S, S, 3)."""
    levels = (tensor[0] * 255).round_().clamp_(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())


def _to_tensor(picture: Bytes) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
    return tensor.contiguous(memory_format=torch.channels_last)
