"""Stages 1 and 10, for files: any video PyAV reads -> (picture, pts), and pictures -> a file that players open."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from codec.errors import MediaError, PictureError
from codec.pictures.inputs import allowed, local_name
from codec.units import PTS_PER_S, Image

__all__ = ["RECONSTRUCTED", "VideoInfo", "VideoWriter", "probe_video", "read_video", "rgb_of"]

RECONSTRUCTED = "Reconstructed by facewire: a synthesised picture, not a camera recording."  # in files' metadata
DEFAULT_FPS = Fraction(25)
MAX_FPS = 240
HD_LINES = 720  # from here on, untagged video is taken to be BT.709, as players do
UNSPECIFIED = 2  # matrix coefficients in ITU-T H.273, as is the next
BT709 = 1
MAX_BAD_PACKETS = 50  # in a row, before a video counts as broken off
H264_OPTIONS = {"preset": "medium", "crf": "12"}  # visually lossless: a decoded file should show our loss alone


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A video stream as it is displayed, rotation applied; `frames` is 0 where the container does not say."""

    width: int
    height: int
    fps: Fraction
    frames: int


def probe_video(path: Path) -> VideoInfo:
    """Open a video and decode its first picture; MediaError if it is missing, no video, or holds no picture."""
    with _open(path) as container:
        stream = container.streams.video[0]
        fps = _frame_rate(stream)
        frames = stream.frames
    first = next(read_video(path), None)
    if first is None:
        raise MediaError(f"{path}: no picture in it")
    height, width = first[0].shape[:2]
    return VideoInfo(width, height, fps, frames)


def read_video(path: Path, *, limit: int | None = None) -> Iterator[tuple[Image, int]]:
    """Yield (uint8 (H, W, 3) RGB upright, pts in 1/90000 s from 0, strictly increasing), up to `limit` pictures.

    Pictures that change their size midway are yielded as they are. Raises MediaError if the file cannot be opened, or
    when it breaks off before its end, after the pictures that could be read.
    """
    if limit is not None and limit < 1:
        return
    count, last, first = 0, -1, None
    with _open(path) as container:
        stream = container.streams.video[0]
        step = round(PTS_PER_S / _frame_rate(stream))
        for frame in _decode(path, container, stream):
            image_rgb = _upright(frame)
            time = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
            pts = last + step if time is None else round(time * PTS_PER_S)
            first = pts if first is None else first
            last = max(pts - first, last + 1)
            yield image_rgb, last
            count += 1
            if count == limit:
                return


class VideoWriter:
    """Writes pictures of one size to `.mp4` (H.264, visually lossless) or `.mkv` (FFV1, lossless).

    The file is playable once closed, and a Matroska file also if it never is. Use it as a context manager. Odd sizes
    lose their last row or column in H.264. A file is made when the first picture is written.
    """

    def __init__(self, path: Path, *, fps: Fraction = DEFAULT_FPS, comment: str = "") -> None:
        if path.suffix.lower() not in (".mp4", ".mkv"):
            raise MediaError(f"{path}: pictures are written to .mp4 (H.264) or .mkv (lossless FFV1)")
        self._path = path
        self._fps = fps if 0 < fps <= MAX_FPS else DEFAULT_FPS
        self._comment = comment
        self._lossless = path.suffix.lower() == ".mkv"
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._shape = (0, 0)
        self.frames = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, image_rgb: Image, *, pts: int) -> None:
        """Add a picture, uint8 (H, W, 3), to be shown at `pts` (1/90000 s, increasing).

        Raises PictureError on another shape than the first picture's, MediaError if the file cannot be written.
        """
        if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
            raise PictureError(f"a picture is uint8 (H, W, 3), not {image_rgb.dtype} {image_rgb.shape}")
        shape = (image_rgb.shape[0], image_rgb.shape[1])
        try:
            if self._stream is None:
                self._start(shape)
            if shape != self._shape:
                raise PictureError(f"a picture of {shape} among pictures of {self._shape}")
            assert self._stream is not None
            assert self._container is not None
            frame = VideoFrame.from_ndarray(self._even(image_rgb), format="rgb24")
            if not self._lossless:
                frame = frame.reformat(
                    format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
                )
            frame.pts, frame.time_base = pts, Fraction(1, PTS_PER_S)
            self._container.mux(self._stream.encode(frame))
            self.frames += 1
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{self._path}: cannot be written: {_reason(error)}") from error

    def close(self) -> None:
        """Finish the file; more than once does nothing more."""
        container, stream = self._container, self._stream
        self._container = self._stream = None
        if container is None or stream is None:
            return
        try:
            container.mux(stream.encode(None))
            container.close()
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{self._path}: cannot be finished: {_reason(error)}") from error

    def _start(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        options = {} if self._lossless else {"movflags": "+faststart"}
        self._container = av.open(str(self._path), "w", options=options)
        if self._comment:
            self._container.metadata["comment"] = self._comment
        stream = self._container.add_stream("ffv1" if self._lossless else "libx264", rate=self._fps)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = self._even(np.empty((*shape, 1), np.uint8)).shape[:2]
        stream.codec_context.time_base = Fraction(1, PTS_PER_S)
        if self._lossless:
            stream.pix_fmt = "bgr0"
        else:
            stream.pix_fmt = "yuv420p"
            stream.options = dict(H264_OPTIONS)
            stream.codec_context.color_range = ColorRange.MPEG
            stream.codec_context.colorspace = BT709
        self._stream = stream

    def _even(self, image: Image) -> Image:
        height, width = image.shape[:2]
        if self._lossless or (height % 2 == 0 and width % 2 == 0):
            return np.ascontiguousarray(image)
        return np.ascontiguousarray(image[: max(height // 2 * 2, 2), : max(width // 2 * 2, 2)])


def _open(path: Path) -> InputContainer:
    try:
        container = av.open(local_name(path), options=allowed("file:"), metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: {_reason(error)}") from error
    if not container.streams.video:
        container.close()
        raise MediaError(f"{path}: no video stream in it")
    return container


def _decode(path: Path, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    stream.thread_type = "AUTO"
    bad, decoded = 0, 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{path}: breaks off after {decoded} pictures: {_reason(error)}") from error
        if packet is None:
            break
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            bad += 1
            if bad > MAX_BAD_PACKETS:
                raise MediaError(f"{path}: breaks off after {decoded} pictures: {_reason(error)}") from error
            continue
        for frame in frames:
            assert isinstance(frame, VideoFrame)
            bad, decoded = 0, decoded + 1
            yield frame
    if decoded == 0:
        raise MediaError(f"{path}: no picture in it can be decoded")


def rgb_of(frame: VideoFrame, *, colorspace: Colorspace | None = None) -> Image:
    """uint8 (H, W, 3) of a frame, from `colorspace` if not from what the frame says.

    The converter is ours: the one that a frame keeps for `to_ndarray` and `reformat` hangs when two threads use it, and
    an application may have the same frame in hand. One thread takes 0.06 ms for 256x256 and 0.3 ms for 1280x720; the
    default starts a pool of threads for each frame, which takes more than the conversion.
    """
    converted = VideoReformatter().reformat(frame, format="rgb24", src_colorspace=colorspace, threads=1)
    return np.asarray(converted.to_ndarray(), np.uint8)


def _upright(frame: VideoFrame) -> Image:
    untagged_hd = frame.colorspace == UNSPECIFIED and frame.height >= HD_LINES
    source = Colorspace.ITU709 if untagged_hd else None
    image = rgb_of(frame, colorspace=source)
    turns = round(frame.rotation / 90) % 4  # counterclockwise, as numpy turns
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _frame_rate(stream: VideoStream) -> Fraction:
    with suppress(ZeroDivisionError, ValueError):
        for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
            if rate is not None and 0 < rate <= MAX_FPS:
                return Fraction(rate)
    return DEFAULT_FPS


def _reason(error: Exception) -> str:
    if isinstance(error, av.ArgumentError):  # FFmpeg's word for a format that is not on the list, among others
        return "a format that is not read (playlists are not), or a value that makes no sense"
    text = getattr(error, "strerror", None) or str(error)
    return str(text).rstrip(".")
