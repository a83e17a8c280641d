"""Stage 1, capture (from a file): a clip as a poor webcam in a dark room would send it, for codecs to be given.

15 pictures a second; two stops darker, which is a quarter of the linear light of sRGB (IEC 61966-2-1); Gaussian noise
of `NOISE` in each 8-bit sample, drawn from a fixed seed; and each picture through JPEG at quality 50 with halved
chroma, as MJPEG cameras send it. The degraded picture is the codec's input and also what its output is held against.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.clips.clip import Clip, resampled
from codec.units import Image

FPS = 15.0
STOPS = -2.0
NOISE = 4.0  # standard deviation, of 255
JPEG_QUALITY = 50
SEED = 10


def _linear(code: NDArray[Any]) -> NDArray[np.float64]:
    """sRGB in 0..1 -> light in 0..1."""
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def _coded(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light in 0..1 -> sRGB in 0..1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


DARKER = 255 * _coded(2**STOPS * _linear(np.arange(256) / 255))  # by 8-bit sample


def _through_jpeg(picture: Image) -> Image:
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), options)
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def webcam_name(name: str) -> str:
    """What the degraded copy of a clip is called."""
    return f"{name}-webcam"


def as_webcam(clip: Clip) -> Clip:
    """The degraded copy, named `NAME-webcam`; clips of at most 15 pictures a second keep their rate."""
    slower = resampled(clip, fps=min(FPS, clip.fps))
    rng = np.random.default_rng(SEED)
    pictures = []
    for picture in slower.pictures:
        noisy = DARKER[picture] + rng.normal(0, NOISE, picture.shape)
        pictures.append(_through_jpeg(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)))
    return Clip(name=webcam_name(clip.name), fps=slower.fps, pictures=np.stack(pictures))
