"""Stage 4, optical flow: how the picture really moves, and warping by a flow.

Fields are backward: a value says where in the reference a pixel comes from. Units are halves of the picture's side.
"""

from functools import cache

import cv2
import numpy as np

from codec.units import Array, Floats, Image

PICTURE_SIDE = 256  # of pictures that flow is measured from
FLOW_PICTURE = 128  # side at which it is measured, and errors are: half of that, and still eight pixels a cell
_NO_MAP = np.empty(0, np.float32)  # OpenCV's way to say that the first map holds x and y


def widen(flow: Floats, side: int) -> Floats:
    """Flow (64, 64, 2) -> (side, side, 2)."""
    return np.asarray(cv2.resize(flow, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def shrink(picture: Image) -> Image:
    """A picture (256, 256) -> (128, 128)."""
    return np.asarray(cv2.resize(picture, (FLOW_PICTURE, FLOW_PICTURE), interpolation=cv2.INTER_AREA), np.uint8)


class FlowEstimator:
    """DIS optical flow (Kroeger et al., ECCV 2016) from the driving picture to the reference."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._dis.setFinestScale(0)  # at half of it, lips and eyelids that move apart are missed
        self._dis.setVariationalRefinementIterations(0)  # the grid is coarser than what they refine

    def measure(self, reference: Image, driving: Image, *, start: Floats) -> Floats:
        """Grey pictures (256, 256) and (128, 128), and the flow expected -> flow (128, 128, 2), in halves of the side.

        driving(x) ≈ reference(x + flow(x)). `start` (64, 64, 2) lets it follow motion too large to be found from
        nothing: the reference is first warped by it, at full size to keep it sharp, and the rest is measured.
        """
        near = shrink(np.asarray(remap(reference, widen(start, PICTURE_SIDE)), np.uint8))
        expected = widen(start, FLOW_PICTURE)
        rest = np.asarray(self._dis.calc(driving, near, np.zeros_like(expected)) / np.float32(FLOW_PICTURE / 2))
        # near(x + rest) = reference(x + rest + expected(x + rest)): the two fields compose.
        return rest + np.asarray(remap(expected, rest), np.float32)


def remap(picture: Floats | Image, flow: Floats) -> Array:
    """Backward warp by OpenCV: out(x) = picture(x + flow(x)); flow (S, S, 2) in halves of the side."""
    return cv2.remap(picture, _places(flow), _NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def remap_picture(picture: Image, flow: Floats) -> Image:
    """The same of a picture (S, S, 3), bicubically too, in whole levels."""
    places = _places(flow)
    return np.asarray(cv2.remap(picture, places, _NO_MAP, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def remap_planes(planes: Floats, flow: Floats) -> Floats:
    """The same of planes (1, C, S, S), bicubically (Keys, 1981, with a = -0.75).

    That keeps the detail which a bilinear kernel blurs between pixels.
    """
    places = _places(flow)
    warped = np.empty_like(planes)
    for plane, out in zip(planes[0], warped[0], strict=True):
        cv2.remap(plane, places, _NO_MAP, cv2.INTER_CUBIC, dst=out, borderMode=cv2.BORDER_REPLICATE)
    return warped


def _places(flow: Floats) -> Floats:
    """Where each pixel comes from, (S, S, 2) in pixels."""
    size = flow.shape[0]
    places = flow * np.float32(size / 2)
    places += _pixels(size)
    return places


@cache
def _pixels(size: int) -> Floats:
    """Where every pixel is, (S, S, 2) as (x, y)."""
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float32)
    return np.stack((xs, ys), -1)


def texture(picture: Image) -> Floats:
    """How much flow matters at each pixel of a grey picture (128, 128): squared gradients, blurred."""
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.0).astype(np.float32)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.GaussianBlur(across**2 + down**2, (0, 0), 3.0), np.float32)
