"""Stage 1, input, orientation: how a picture is turned and mirrored before it is shown."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame

from codec.units import Image

__all__ = ["UPRIGHT", "Orientation", "orientation_of"]

_MATRIX_BYTES = 36


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways in which a rectangle is laid on itself: rows and columns exchanged first, then flipped."""

    transposed: bool = False
    left_right: bool = False
    upside_down: bool = False

    def apply(self, image: Image) -> Image:
        """(H, W, 3) -> (H, W, 3), or (W, H, 3) where rows and columns are exchanged; the same array if upright."""
        if self.transposed:
            image = np.asarray(cv2.transpose(image), np.uint8)
        if self.left_right or self.upside_down:
            code = -1 if self.left_right and self.upside_down else int(self.left_right)
            image = np.asarray(cv2.flip(image, code), np.uint8)
        return image


UPRIGHT = Orientation()
_OWN_LIST: Any = SideDataContainer  # its stub names no argument


def orientation_of(frame: VideoFrame) -> Orientation:
    """What the frame's display matrix says (ISO/IEC 14496-12, 8.3.2), at the nearest quarter turn."""
    try:
        # A list of our own: the frame would keep the one of its `side_data`, which refers to the frame, and the two of
        # each frame would stay in memory until Python looks for such circles.
        data: Any = _OWN_LIST(frame).get("DISPLAYMATRIX")
    except ValueError:  # PyAV has no name for another piece of what comes with this frame, and lists none of it
        return _TURNED.get(round(frame.rotation / 90) % 4, UPRIGHT)
    if data is None or data.buffer_size < _MATRIX_BYTES:
        return UPRIGHT
    a, b, _, c, d, *_ = np.frombuffer(bytes(data)[:_MATRIX_BYTES], np.int32).tolist()
    # A pixel of column p and row q is shown at (a p + c q, b p + d q).
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(left_right=a < 0, upside_down=d < 0)
    return Orientation(transposed=True, left_right=c < 0, upside_down=b < 0)


_TURNED = {  # by quarter turns counterclockwise
    1: Orientation(transposed=True, upside_down=True),
    2: Orientation(left_right=True, upside_down=True),
    3: Orientation(transposed=True, left_right=True),
}
