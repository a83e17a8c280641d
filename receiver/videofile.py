"""Stage 10, display: pictures with their real time stamps into a file that plays even if the program is killed."""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import PictureType
from av.video.stream import VideoStream

from codec.pictures.video import RECONSTRUCTED
from codec.units import PTS_PER_S, Image
from receiver.errors import DisplayError
from receiver.picture import fit

__all__ = ["VideoFile"]

TIME_BASE = Fraction(1, PTS_PER_S)

# An index for each second instead of one at the end: what was written before the program was killed can be played.
MOVFLAGS = "frag_keyframe+empty_moov+default_base_moof"


class VideoFile:
    """FILE.mp4 (H.264), opened at the first picture, whose size the others are fitted to.

    The file's title and comment say that the pictures are reconstructed. Raises DisplayError where it cannot be
    written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container: av.container.OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._start = 0
        self._last = -1
        self._key_due = 0
        self.pictures = 0

    def write(self, image_rgb: Image, *, pts: int) -> None:
        """Adds a picture, uint8 (H, W, 3), at `pts` (1/90000 s, increasing); times count from the first picture."""
        try:
            stream = self._stream or self._open(image_rgb, start=pts)
            frame = av.VideoFrame.from_ndarray(fit(image_rgb, width=stream.width, height=stream.height), format="rgb24")
            frame.pts = self._last = max(self._last + 1, pts - self._start)
            frame.time_base = TIME_BASE
            if frame.pts >= self._key_due:  # by the clock, not by count: pictures may come slowly
                frame.pict_type = PictureType.I
                self._key_due = frame.pts + PTS_PER_S
            assert self._container is not None
            self._container.mux(stream.encode(frame))
            self.pictures += 1
        except (av.FFmpegError, OSError) as error:
            self._let_go()
            raise DisplayError(f"{self._path}: cannot write: {_reason(error)}") from None

    def _open(self, image_rgb: Image, *, start: int) -> VideoStream:
        self._container = av.open(str(self._path), "w", options={"movflags": MOVFLAGS, "flush_packets": "1"})
        self._container.metadata.update({"title": RECONSTRUCTED, "comment": RECONSTRUCTED})
        stream = self._container.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = image_rgb.shape[1] // 2 * 2, image_rgb.shape[0] // 2 * 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = TIME_BASE
        stream.options = {"preset": "veryfast", "tune": "zerolatency", "crf": "16", "forced-idr": "1"}
        self._stream, self._start = stream, start
        return stream

    def close(self) -> None:
        """Writes what is left and closes the file; without a single picture there is no file."""
        container, self._container = self._container, None
        if container is None or self._stream is None:
            return
        try:
            container.mux(self._stream.encode(None))
            container.close()
        except (av.FFmpegError, OSError) as error:
            self._container = container
            self._let_go()
            raise DisplayError(f"{self._path}: cannot finish: {_reason(error)}") from None

    def _let_go(self) -> None:
        """After an error: nothing more is written, for FFmpeg, asked again for a head that failed, ends the process."""
        container, self._container, self._stream = self._container, None, None
        if container is not None:
            with suppress(av.FFmpegError, OSError):
                container.close()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
