"""Stage 1, input, converter: a decoded frame -> the picture that a player shows, uint8 RGB."""

from fractions import Fraction

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from codec.errors import MediaError
from codec.input.colour import light_of, matrix_of
from codec.input.orientation import orientation_of
from codec.input.tone import ToneMapper
from codec.units import Image

__all__ = ["SQUARE", "Converter"]

SQUARE = Fraction(1)
_MOST_STRETCHED = 4  # width of a pixel over its height, or the other way round; more is an error in the file
_LARGEST = 16_384  # pixels, of a side that stretching may make


class Converter:
    """Makes pictures of one source's frames: upright, of square pixels, in SDR of BT.709. For one thread at a time.

    What FFmpeg sets up for it is set up once, for the first frame, and again when frames change. It works in the
    caller's thread: a second one takes longer to be told than to convert its part. And it is ours: the converter that a
    frame keeps for its own `to_ndarray` and `reformat` hangs when two threads use it, and an application may have the
    same frame in hand.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._tone: ToneMapper | None = None

    def rgb(self, frame: VideoFrame, *, aspect: Fraction = SQUARE) -> Image:
        """uint8 (H, W, 3) of a frame whose pixels are `aspect` times as wide as high. Raises MediaError."""
        return orientation_of(frame).apply(self._converted(frame, aspect))

    def _converted(self, frame: VideoFrame, aspect: Fraction) -> Image:
        light = light_of(frame)
        width, height = _square_pixelled(frame.width, frame.height, aspect)
        stretched = (width, height) != (frame.width, frame.height)
        matrix = matrix_of(frame)
        try:
            converted = self._reformatter.reformat(
                frame,
                width=width,
                height=height,
                format="rgb24" if light is None else "rgb48le",
                src_colorspace=matrix,
                dst_colorspace=matrix,
                dst_color_range=ColorRange.JPEG,
                interpolation=Interpolation.BICUBIC if stretched else None,
                threads=1,
            )
        except (av.FFmpegError, ValueError) as error:
            raise MediaError(f"a picture in {frame.format.name} cannot be converted: {error}") from error
        if light is None:
            return np.asarray(converted.to_ndarray(), np.uint8)
        if converted is frame:  # it is rgb48le already, and another may have it in hand
            converted = VideoFrame.from_ndarray(frame.to_ndarray(), format="rgb48le")
        if self._tone is None or self._tone.light != light:
            self._tone = ToneMapper(light)
        return self._tone.map(converted)


def _square_pixelled(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """The size at which pixels are square: the shorter side of a pixel is stretched, so that nothing is lost."""
    if aspect == SQUARE or not Fraction(1, _MOST_STRETCHED) <= aspect <= _MOST_STRETCHED:
        return width, height
    wide, high = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    return (width, height) if max(wide, high) > _LARGEST else (wide, high)
