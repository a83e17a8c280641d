"""Stage 10, display: pictures as frames that encoders take as they are, and that several consumers may share."""

from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from receiver.picture import Picture

__all__ = ["Frames"]

_BT601 = 6  # matrix coefficients, ITU-T H.273; what WebRTC takes video without tags to be


class Frames:
    """Makes frames, with a scaler of its own. For one thread at a time."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def yuv420p(self, picture: Picture) -> VideoFrame:
        """The picture as a new frame: yuv420p, BT.601, limited range, and tagged so; without time stamps."""
        frame = self._reformatter.reformat(
            VideoFrame.from_ndarray(picture.rgb(), format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.colorspace, frame.color_range = _BT601, ColorRange.MPEG
        return frame
