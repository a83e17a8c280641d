"""Stages 3 and 9, the six roles as networks: one network a file, named by its role.

    picture ----------> MotionExtractor -> canonical keypoints, rotation, scale, translation, expression code
    decoded reference -> Restoration    -> reference picture, once per reference
    reference picture -> Appearance     -> features at 1/2, 1/4, 1/8 of the picture, once per reference
    keypoints, reference -> DenseMotion -> warping field at 64x64 and an occlusion map
    warping field, reference -> FlowRefinement -> the field as its neighbours and the picture suggest
    warped pixels and features -> Generator -> the picture

The layout follows face-vid2vid (Wang et al., CVPR 2021) with two differences that small networks need: the
reference is warped at every scale, pixels included, and the generator only adds what the warp could not supply.
"""

from codec.networks.appearance import Appearance
from codec.networks.dense_motion import DenseMotion
from codec.networks.flow_refinement import FlowRefinement
from codec.networks.generator import Generator
from codec.networks.model import FaceModel
from codec.networks.motion_extractor import MotionExtractor
from codec.networks.restoration import Restoration

__all__ = ["Appearance", "DenseMotion", "FaceModel", "FlowRefinement", "Generator", "MotionExtractor", "Restoration"]
