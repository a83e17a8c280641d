"""Stage 10, display (offline): a picture as a file."""

from pathlib import Path

import cv2
import numpy as np

from codec.units import Image

__all__ = ["save_picture"]


def save_picture(image_rgb: Image, path: Path) -> None:
    """Writes uint8 (H, W, 3) as the suffix says, PNG or JPEG; parent folders are made. Raises OSError.

    OpenCV makes the bytes alone: where it writes them too, a full disk is no error.
    """
    _, data = cv2.imencode(path.suffix, np.ascontiguousarray(image_rgb[..., ::-1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.tobytes())
