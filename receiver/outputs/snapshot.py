"""Stage 10, display: one picture as a PNG file that says in its metadata how it was made."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np

from codec.pictures.video import RECONSTRUCTED
from receiver.errors import DisplayError
from receiver.picture import Picture
from signaling.printable import reason_of
from signaling.transport.costs import Kind

__all__ = ["save_snapshot"]

DESCRIPTIONS: dict[Kind, str] = {"keypoints": RECONSTRUCTED, "h264": "H.264 video received by facewire."}
_IHDR_END = 8 + 12 + 13  # the signature, and the first chunk, which has 13 bytes


def save_snapshot(picture: Picture, path: Path) -> None:
    """Writes a picture, as it was decoded; Title and Description say what it is. Raises DisplayError."""
    _, data = cv2.imencode(".png", np.ascontiguousarray(picture.rgb()[..., ::-1]))
    png = data.tobytes()
    text = DESCRIPTIONS[picture.kind]
    words = b"".join(
        _text(key, value) for key, value in (("Title", text), ("Description", text), ("Software", "facewire"))
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png[:_IHDR_END] + words + png[_IHDR_END:])
    except OSError as error:
        raise DisplayError(f"{path}: cannot be written: {reason_of(error)}") from None


def _text(key: str, value: str) -> bytes:
    """A tEXt chunk (PNG, third edition, 11.3.3)."""
    body = b"tEXt" + key.encode("latin-1") + b"\0" + value.encode("latin-1")
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
