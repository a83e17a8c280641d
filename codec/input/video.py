"""Stage 1, input, video: a named video -> its pictures and times; the one reader of files, pipes and streams."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from io import FileIO
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from codec.errors import MediaError
from codec.input.converter import SQUARE, Converter
from codec.input.names import Name, named_input
from codec.input.pipe import Pipe, told_to_wait
from codec.input.timeline import Timeline
from codec.units import PTS_PER_S, Image

__all__ = ["DEFAULT_FPS", "MAX_FPS", "Frames", "Video", "VideoInfo", "open_video", "probe_video", "read_video"]

DEFAULT_FPS = Fraction(25)
MAX_FPS = 240
MAX_BAD_PACKETS = 50  # in a row, before a video counts as broken off
_STREAM_TIMEOUT_S = 5.0
_NO_TIMESTAMPS, _TS_DISCONT = 0x80, 0x200  # FFmpeg's flags of a format: AVFMT_NOTIMESTAMPS, AVFMT_TS_DISCONT
# A longer step between two pictures is a jump of the clock: as ffmpeg has it in formats whose clock may break, as of
# broadcasts; in others, where a picture may stay for minutes, only what nobody waits for.
_JUMP, _PAUSE = 10 * PTS_PER_S, 600 * PTS_PER_S
_MAY_BREAK = ("flv", "live_flv")  # besides those that FFmpeg marks
_NOT_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails  # pictures of the file, not in it
_DEFAULT_IS_WORTH = 5_000_000  # pixels, where ffmpeg chooses among the videos of a file

# Pictures as they come: uint8 (H, W, 3) behind a call, since conversion costs, and their times in 1/90000 s.
Frames = Iterator[tuple[Callable[[], Image], int]]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A video stream as it is displayed, rotation applied; `frames` is 0 where the container does not say."""

    width: int
    height: int
    fps: Fraction
    frames: int


class Video:
    """One stream of an opened container, read once from its start. For one thread at a time."""

    def __init__(self, name: Name, container: InputContainer, stream: VideoStream) -> None:
        self.label = name.label
        self.fps = _frame_rate(container, stream)
        self._container, self._stream = container, stream
        self._is_pipe = name.is_pipe
        self._is_avi = container.format.name == "avi"
        self._converter = Converter()
        breaks = container.format.name in _MAY_BREAK or bool(container.format.flags & _TS_DISCONT)
        self._timeline = Timeline(round(PTS_PER_S / self.fps), longest=_JUMP if breaks else _PAUSE)
        self._frames = self._decoded()

    def close(self) -> None:
        """Lets go of the decoder. Its pictures refer to this and this to them: a file that is played again and again
        would otherwise leave megabytes each time, until Python looks for such circles, which may take half an hour."""
        self._frames = iter(())

    def frames(self) -> Frames:
        """The pictures from here on, with times from 0 that grow. What is not looked at is not converted.

        Raises MediaError when the video breaks off before its end, after the pictures that could be read.
        """
        for frame in self._frames:
            yield partial(self._convert, frame), self._stamp(frame)

    def pictures(self) -> Iterator[tuple[Image, int]]:
        """The same, all converted: uint8 (H, W, 3) RGB, which may change its size midway."""
        return ((convert(), pts) for convert, pts in self.frames())

    def info(self) -> VideoInfo:
        """What is known from the first picture on, which is not lost by it. MediaError if there is none."""
        first = next(self._frames)
        self._frames = chain((first,), self._frames)
        height, width = self._convert(first).shape[:2]
        return VideoInfo(width, height, self.fps, self._stream.frames)

    def _convert(self, frame: VideoFrame) -> Image:
        try:
            return self._converter.rgb(frame, aspect=self._stream.sample_aspect_ratio or SQUARE)
        except MediaError as error:
            raise MediaError(f"{self.label}: {error}") from error

    def _stamp(self, frame: VideoFrame) -> int:
        # AVI stores no times of presentation: FFmpeg gives a picture that of its place in the file, and hands it
        # through the decoder's reordering as the decoding time.
        ticks = frame.dts if self._is_avi and frame.dts is not None else frame.pts
        if frame.time_base is None or ticks is None:
            return self._timeline.stamp(None)
        return self._timeline.stamp(round(ticks * frame.time_base * PTS_PER_S))

    def _decoded(self) -> Iterator[VideoFrame]:
        """The frames in the order of their presentation; damaged packets are passed over."""
        self._stream.thread_type = "AUTO"
        bad, decoded = 0, 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError) as error:
                raise self._broken_off(decoded, error) from error
            if packet is None:
                break
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                bad += 1
                if bad > MAX_BAD_PACKETS:
                    raise self._broken_off(decoded, error) from error
                continue
            for frame in frames:
                assert isinstance(frame, VideoFrame)
                bad, decoded = 0, decoded + 1
                yield frame
        if decoded == 0:
            raise MediaError(f"{self.label}: no picture in it can be decoded")

    def _broken_off(self, decoded: int, error: Exception) -> MediaError:
        reason = reason_of(error)
        if not decoded and self._is_pipe and "mp4" in self._container.format.name:
            reason = "an MP4 whose index lies behind its pictures is not read from a pipe (write it with +faststart)"
        return MediaError(f"{self.label}: breaks off after {decoded} pictures: {reason}")


@contextmanager
def open_video(
    source: str | Path | Name, *, stream: int | None = None, container_format: str | None = None
) -> Iterator[Video]:
    """Opens what is named (see `named_input`) as long as the block lasts.

    `stream` counts all streams of the container from 0, as ffprobe does; None is the one that ffmpeg would pick.
    `container_format` is FFmpeg's name of it, where it cannot tell itself (screens).
    Raises MediaError where nothing is there to be opened, or no such video is in it.
    """
    name = source if isinstance(source, Name) else named_input(source)
    with _opened(name, container_format) as container:
        video = Video(name, container, _chosen(name, container, stream))
        try:
            yield video
        finally:
            video.close()


def probe_video(source: str | Path | Name, *, stream: int | None = None) -> VideoInfo:
    """Open a video and decode its first picture; MediaError if it is missing, no video, or holds no picture."""
    with open_video(source, stream=stream) as video:
        return video.info()


def read_video(
    source: str | Path | Name, *, limit: int | None = None, stream: int | None = None
) -> Iterator[tuple[Image, int]]:
    """Yield (uint8 (H, W, 3) RGB upright, pts in 1/90000 s from 0, strictly increasing), up to `limit` pictures.

    Pictures that change their size midway are yielded as they are. Raises MediaError if the file cannot be opened, or
    when it breaks off before its end, after the pictures that could be read.
    """
    if limit is not None and limit < 1:
        return
    with open_video(source, stream=stream) as video:
        yield from islice(video.pictures(), limit)


@contextmanager
def _opened(name: Name, container_format: str | None) -> Iterator[InputContainer]:
    """FFmpeg's container of what is named; a pipe is read by Python. Raises MediaError."""
    with ExitStack() as stack:
        file = _read_by_python(name, stack) if name.is_pipe else None
        try:
            container = av.open(
                name.url if file is None else file,
                format=container_format,
                options=name.options,
                metadata_errors="replace",
                timeout=_STREAM_TIMEOUT_S if name.is_stream else None,
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise MediaError(f"{name.label}: cannot be opened as video ({reason_of(error)})") from error
        with container:
            yield container


def _read_by_python(name: Name, stack: ExitStack) -> Any:
    """Unbuffered: a thread that waits in a buffer of Python's when the program ends would bring it down."""
    try:
        if name.path is not None:
            with told_to_wait(name.label):  # until somebody writes into it
                file = stack.enter_context(name.path.open("rb", buffering=0))
            return Pipe(file, label=name.label)
        if sys.stdin is None:
            raise MediaError(f"{name.label}: is closed")
        file = stack.enter_context(FileIO(sys.stdin.fileno(), "rb", closefd=False))
    except (OSError, ValueError) as error:  # ValueError: of a closed file
        raise MediaError(f"{name.label}: {getattr(error, 'strerror', None) or error}") from error
    return file if file.seekable() else Pipe(file, label=name.label)  # of a file, the end can be read first


def _chosen(name: Name, container: InputContainer, number: int | None) -> VideoStream:
    videos = {stream.index: stream for stream in container.streams.video}
    if number is not None:
        if number not in videos:
            there = ", ".join(map(str, videos)) or "none"
            raise MediaError(f"{name.label}: stream {number} is no video stream of it ({there})")
        return videos[number]
    moving = [stream for stream in videos.values() if not stream.disposition & _NOT_VIDEO]
    if not moving:
        cover = "; --stream reads its cover picture" if videos else ""
        raise MediaError(f"{name.label}: no video stream in it{cover}")

    def score(stream: VideoStream) -> int:
        is_default = bool(stream.disposition & Disposition.default)
        return stream.codec_context.width * stream.codec_context.height + _DEFAULT_IS_WORTH * is_default

    return max(moving, key=score)


def _frame_rate(container: InputContainer, stream: VideoStream) -> Fraction:
    rates = [stream.average_rate, stream.guessed_rate, stream.base_rate]
    if container.format.flags & _NO_TIMESTAMPS:
        rates[:2] = rates[1::-1]  # the average of times that FFmpeg made up is less than what the stream says
    with suppress(ZeroDivisionError, ValueError):
        for rate in rates:
            if rate is not None and 0 < rate <= MAX_FPS:
                return Fraction(rate)
    return DEFAULT_FPS


def reason_of(error: Exception) -> str:
    """What went wrong in FFmpeg, in a few words."""
    if isinstance(error, av.ArgumentError):  # FFmpeg's word for a format or protocol that is not on the list
        return "a format that is not read, or a playlist: --follow reads those"
    text = getattr(error, "strerror", None) or str(error)
    return str(text).splitlines()[0].rstrip(".") if text else type(error).__name__
