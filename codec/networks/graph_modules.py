"""Stages 3 and 9, the networks cut into graphs: what is exported, and what an engine runs.

A graph takes and gives plain arrays: pictures as uint8 (1, S, S, 3), everything else as float32. It is cut where the
precision changes (the geometry of keypoints and flow needs float32, convolutions do not) and where something is worth
keeping (all that depends on the reference alone). `codec.export` writes each to ONNX, without its weights.

    extractor    picture at 128x128 -> canonical keypoints, motion
    keypoints    motion, canonical -> points
    restoration  decoded reference, its crf -> restored reference
    scene        restored reference, canonical, its motion -> the same as floats, small; its points and their heat
    appearance   restored reference as floats -> three feature maps
    candidates   the scene, driving motion -> candidates of flow, what to judge them by
    judgement    that -> logits, occlusion map
    mix          candidates, logits -> warping field
    guidance     restored reference as floats -> what is to be seen in it, small
    refinement   that moved by the warping field, field and occlusion map -> what is to be chosen
    choice       that, field and occlusion map -> both refined
    generator    warped pixels and features, warping field and occlusion map at the features' sizes -> picture
    landmarks    face at 128x128 -> its 112 points; mouth_points, eye_points: those of a window about mouth or eye
    mouth, eyes  a window's candidates and outlines -> shares of the candidates, and what to add in levels

Between mix and generator OpenCV brings the warping field to those sizes and warps pixels and features
(`codec.engines.runtime`), in a third of the time that it takes a graph: its places are whole 32nds of a pixel, which
is 60 dB from the exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from codec.graphs.files import PER_SIZE, WHOLE
from codec.motion.parameters import FLOW_SIZE, KEYPOINTS, MOTION_NUMBERS
from codec.networks.appearance import CHANNELS
from codec.networks.dense_motion import heat, mix
from codec.networks.flow_refinement import CHOICES, GUIDANCE, choose
from codec.networks.generator import side_maps
from codec.networks.landmarks import EYE_SIZE, FACE_SIZE, MOUTH_SIZE
from codec.networks.layers import resize
from codec.networks.model import FaceModel
from codec.networks.motion_extractor import INPUT_SIZE
from codec.networks.window_generator import CANDIDATES, INPUTS


class Extractor(nn.Module):
    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        self.motion_extractor = model.motion_extractor

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        canonical, motion = self.motion_extractor(_levels(picture))
        return canonical, motion


class Keypoints(nn.Module):
    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        self.motion_extractor = model.motion_extractor

    def forward(self, motion: Tensor, canonical: Tensor) -> Tensor:
        return self.motion_extractor.keypoints(motion, canonical)


class Restoration(nn.Module):
    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        self.restoration = model.restoration

    def forward(self, decoded: Tensor, crf: Tensor) -> Tensor:
        return _picture(self.restoration(_levels(decoded), crf))


class Scene(nn.Module):
    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        self.motion_extractor = model.motion_extractor

    def forward(self, restored: Tensor, canonical: Tensor, motion: Tensor) -> tuple[Tensor, ...]:
        pixels = _levels(restored)
        points = self.motion_extractor.keypoints(motion, canonical)
        return pixels, resize(pixels, FLOW_SIZE), points, heat(points)


class Appearance(nn.Module):
    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        self.appearance = model.appearance

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return tuple(level.float() for level in self.appearance(pixels))


class Candidates(nn.Module):
    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        self.motion_extractor = model.motion_extractor
        self._look = model.dense_motion.look

    def forward(
        self, small: Tensor, before: Tensor, points: Tensor, own: Tensor, canonical: Tensor, driving: Tensor
    ) -> tuple[Tensor, ...]:
        return self._look(
            small,
            before=before,
            reference_points=points,
            reference_motion=own,
            driving_points=self.motion_extractor.keypoints(driving, canonical),
            driving_motion=driving,
        )


class Judgement(nn.Module):
    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        self.dense_motion = model.dense_motion

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self.dense_motion.judge(features)


class Mix(nn.Module):
    def __init__(self, model: FaceModel) -> None:
        super().__init__()

    def forward(self, shifts: Tensor, affine: Tensor, prior: Tensor, logits: Tensor) -> Tensor:
        return mix(shifts, affine, prior + logits)


class Guidance(nn.Module):
    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        self.flow_refinement = model.flow_refinement

    def forward(self, pixels: Tensor) -> Tensor:
        return self.flow_refinement.guidance(pixels).float()


class Refinement(nn.Module):
    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        self.flow_refinement = model.flow_refinement

    def forward(self, guidance: Tensor, side: Tensor) -> Tensor:
        maps = _planes(side)
        return self.flow_refinement.tell(_planes(guidance), maps[:, :2], maps[:, 2:])


class Choice(nn.Module):
    def __init__(self, model: FaceModel) -> None:
        super().__init__()

    def forward(self, told: Tensor, side: Tensor) -> Tensor:
        maps = _planes(side)
        return torch.cat(choose(told, maps[:, :2], maps[:, 2:]), 1).permute(0, 2, 3, 1)


class Generator(nn.Module):
    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        self.generator = model.generator

    def forward(self, pixels: Tensor, *levels_and_sides: Tensor) -> Tensor:
        levels, sides = levels_and_sides[: len(CHANNELS)], levels_and_sides[len(CHANNELS) :]
        pairs = [(_planes(level), side_maps(_planes(side))) for level, side in zip(levels, sides, strict=True)]
        return _picture(self.generator.generate(pixels, *(part for pair in pairs for part in pair)))


class Points(nn.Module):
    """One of the networks that find landmarks."""

    def __init__(self, model: FaceModel, name: str) -> None:
        super().__init__()
        self.face = nn.Module()
        setattr(self.face, name, getattr(model.face, name))
        self._name = name

    def forward(self, crop: Tensor) -> Tensor:
        points: Tensor = getattr(self.face, self._name)(_levels(crop) * 2 - 1)
        return points


class WindowPicture(nn.Module):
    """One of the generators of a window."""

    def __init__(self, model: FaceModel, name: str) -> None:
        super().__init__()
        self.windows = nn.Module()
        setattr(self.windows, name, getattr(model.windows, name))
        self._name = name

    def forward(self, inputs: Tensor) -> Tensor:
        pictures = 3 * CANDIDATES
        levels = _levels(inputs)
        levels = torch.cat((levels[:, :pictures] * 2 - 1, levels[:, pictures:]), 1)
        out = getattr(self.windows, self._name)(levels)
        shares, add = out[:, :CANDIDATES], out[:, CANDIDATES:] * 127.5
        return torch.cat((shares, add), 1).permute(0, 2, 3, 1)


@dataclass(frozen=True, slots=True)
class Cut:
    """How a graph is made of the networks, and inputs of the right shapes to trace it with."""

    module: Callable[[FaceModel], nn.Module]
    example: Callable[[int], tuple[Tensor, ...]]


def _bytes(size: int) -> Tensor:
    return torch.zeros(1, size, size, 3, dtype=torch.uint8)


def _window(count: int, size: tuple[int, int], channels: int) -> Tensor:
    """size is width, height."""
    return torch.zeros(count, size[1], size[0], channels, dtype=torch.uint8)


def _canonical() -> Tensor:
    return torch.zeros(1, KEYPOINTS, 3)


def _motion() -> Tensor:
    return torch.zeros(1, MOTION_NUMBERS)


def _map(channels: int, size: int = FLOW_SIZE) -> Tensor:
    return torch.zeros(1, channels, size, size)


def _side(channels: int) -> Tensor:
    return torch.zeros(1, FLOW_SIZE, FLOW_SIZE, channels)


def _warped(size: int) -> tuple[Tensor, ...]:
    """Pixels as planes; features, then warping field and occlusion map at their sizes, channels last."""
    smaller = [
        torch.zeros(1, size >> shift, size >> shift, channels) for shift, channels in enumerate(CHANNELS, start=1)
    ]
    return _map(3, size), *smaller, *(torch.zeros(*level.shape[:3], 3) for level in smaller)


CUTS: dict[str, Cut] = {
    "extractor": Cut(Extractor, lambda size: (_bytes(INPUT_SIZE),)),
    "keypoints": Cut(Keypoints, lambda size: (_motion(), _canonical())),
    "restoration": Cut(Restoration, lambda size: (_bytes(size), torch.zeros(1))),
    "scene": Cut(Scene, lambda size: (_bytes(size), _canonical(), _motion())),
    "appearance": Cut(Appearance, lambda size: (_map(3, size),)),
    "candidates": Cut(
        Candidates, lambda size: (_map(3), _map(KEYPOINTS), _canonical(), _motion(), _canonical(), _motion())
    ),
    "judgement": Cut(Judgement, lambda size: (_map(2 * KEYPOINTS + 8),)),
    "mix": Cut(
        Mix, lambda size: (torch.zeros(1, KEYPOINTS, 2), torch.zeros(1, 2, 2), _map(KEYPOINTS + 1), _map(KEYPOINTS + 1))
    ),
    "guidance": Cut(Guidance, lambda size: (_map(3, size),)),
    "refinement": Cut(Refinement, lambda size: (_side(GUIDANCE), _side(3))),
    "choice": Cut(Choice, lambda size: (_map(CHOICES + 1), _side(3))),
    "generator": Cut(Generator, _warped),
    "landmarks": Cut(partial(Points, name="landmarks"), lambda size: (_bytes(FACE_SIZE),)),
    "mouth_points": Cut(partial(Points, name="mouth_points"), lambda size: (_window(1, MOUTH_SIZE, 3),)),
    "eye_points": Cut(partial(Points, name="eye_points"), lambda size: (_window(1, EYE_SIZE, 3),)),
    "mouth": Cut(partial(WindowPicture, name="mouth"), lambda size: (_window(1, MOUTH_SIZE, INPUTS),)),
    "eyes": Cut(partial(WindowPicture, name="eye"), lambda size: (_window(2, EYE_SIZE, INPUTS),)),
}
assert CUTS.keys() == {*PER_SIZE, *WHOLE}


def _planes(picture: Tensor) -> Tensor:
    """(B, H, W, C) -> (B, C, H, W)."""
    return picture.permute(0, 3, 1, 2)


def _levels(picture: Tensor) -> Tensor:
    """uint8 (B, H, W, C) -> (B, C, H, W) in [0, 1]."""
    return (picture.permute(0, 3, 1, 2).float() / 255).contiguous(memory_format=torch.channels_last)


def _picture(pixels: Tensor) -> Tensor:
    """(1, 3, S, S), nominally in [0, 1] -> uint8 (1, S, S, 3)."""
    return (pixels * 255).round().clamp(0, 255).permute(0, 2, 3, 1).to(torch.uint8)
