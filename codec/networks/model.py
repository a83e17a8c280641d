"""Stages 3 and 9, the five roles held together: what one weight file stores."""

from torch import Tensor, nn

from codec.networks.appearance import Appearance
from codec.networks.dense_motion import DenseMotion
from codec.networks.generator import Generator
from codec.networks.layers import full_precision
from codec.networks.motion_extractor import MotionExtractor
from codec.networks.restoration import Restoration


class FaceModel(nn.Module):
    """The networks of one codec; each is also used alone."""

    def __init__(self) -> None:
        super().__init__()
        self.motion_extractor = MotionExtractor()
        self.restoration = Restoration()
        self.appearance = Appearance()
        self.dense_motion = DenseMotion()
        self.generator = Generator()

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
