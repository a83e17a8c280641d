"""Stages 3 and 9, all roles held together: what one weight file stores."""

import torch
from torch import Tensor, nn

from codec.motion.expression import COEFFICIENTS
from codec.motion.landmarks import LANDMARKS
from codec.networks.appearance import Appearance
from codec.networks.dense_motion import DenseMotion
from codec.networks.flow_refinement import FlowRefinement
from codec.networks.generator import Generator
from codec.networks.landmarks import FaceNetworks
from codec.networks.layers import full_precision
from codec.networks.motion_extractor import MotionExtractor
from codec.networks.restoration import Restoration
from codec.networks.window_generator import WindowNetworks


class Shape(nn.Module):
    """The tensors of codec.motion.expression.FaceShape."""

    mean: Tensor
    basis: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Of no face, but of points that a rotation can be told from.
        self.register_buffer("mean", torch.sin(torch.arange(3.0 * LANDMARKS)).view(LANDMARKS, 3))
        self.register_buffer("basis", torch.zeros(COEFFICIENTS, LANDMARKS, 3))
        self.register_buffer("weight", torch.ones(LANDMARKS))


class FaceModel(nn.Module):
    """The networks of one codec; each is also used alone."""

    def __init__(self) -> None:
        super().__init__()
        self.motion_extractor = MotionExtractor()
        self.restoration = Restoration()
        self.appearance = Appearance()
        self.dense_motion = DenseMotion()
        self.flow_refinement = FlowRefinement()
        self.generator = Generator()
        self.face = FaceNetworks().fused()
        self.windows = WindowNetworks()
        self.shape = Shape()

    def base_flow(
        self, reference: Tensor, *, canonical: Tensor, reference_motion: Tensor, driving_motion: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Base layer: two motions of the same canonical keypoints -> flow (B, 2, 64, 64), occlusion (B, 1, 64, 64)."""
        with full_precision(reference):
            reference_points = self.motion_extractor.keypoints(reference_motion, canonical)
            driving_points = self.motion_extractor.keypoints(driving_motion, canonical)
        flow, occlusion = self.dense_motion(
            reference,
            reference_points=reference_points,
            reference_motion=reference_motion,
            driving_points=driving_points,
            driving_motion=driving_motion,
        )
        return flow, occlusion
