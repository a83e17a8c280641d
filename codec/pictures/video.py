"""Stage 10, for files: pictures -> a video that players open, or a pipe that they read."""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from codec.errors import MediaError, PictureError
from codec.input.names import STDIN
from codec.input.reach import local_name
from codec.input.video import DEFAULT_FPS, MAX_FPS, reason_of
from codec.sound import SAMPLE_RATE, Samples
from codec.units import PTS_PER_S, Image, whole_ticks

__all__ = ["RECONSTRUCTED", "STDOUT", "VideoWriter"]

RECONSTRUCTED = "Reconstructed by facewire: a synthesised picture, not a camera recording."  # in files' metadata
STDOUT = Path(STDIN)  # `-` names standard output as it names standard input
LONGEST_PAUSE_S = 600
BT709 = 1  # matrix coefficients in ITU-T H.273
# An index for each second while it is written, and one for all of it in their place once it is finished: what is
# written plays even where the end cannot be. The head waits for the first second, since only then it can say where each
# stream begins (edit lists): x264 holds pictures back, AAC puts a thousand samples before its first.
_MOVFLAGS = "hybrid_fragmented+delay_moov"
MP4_OPTIONS = {"movflags": _MOVFLAGS, "frag_duration": "1000000", "flush_packets": "1"}
# What is written as it comes is to be on the disk at once. Nothing of a cluster is before its end, so each moment has
# its own, which costs a dozen bytes; fragments cost a kilobyte, and hold a quarter of a second.
_LIVE_MKV_OPTIONS = {"cluster_time_limit": "0", "flush_packets": "1"}
_LIVE_MP4_OPTIONS = MP4_OPTIONS | {"frag_duration": "250000"}
# Two streams wait for each other, in FFmpeg's memory; one that has nothing for so long holds up the other no longer.
_INTERLEAVING = {"max_interleave_delta": "200000"}
H264_OPTIONS = {"preset": "medium", "crf": "12"}  # visually lossless: a decoded file should show our loss alone
# Of pictures that are written as they come: each at once, and a whole one each second, by the clock, not by count.
_LIVE_H264_OPTIONS = {"preset": "veryfast", "tune": "zerolatency", "crf": "16", "forced-idr": "1"}


class VideoWriter:
    """Writes pictures of one size to `.mp4` (H.264, visually lossless), or `.mkv` (FFV1, lossless).

    `STDOUT` gets what a `.mkv` file does. What was written plays even if the file is never closed: the disk was full,
    say. Use it as a context manager. Odd sizes lose their last row or column in H.264. A file is made when the first
    picture is written. With `sound` it holds sound besides: AAC, or lossless FLAC. `live` is for pictures that
    are written as they come: what was written half a second ago plays even if the program is killed, but that an .mp4
    begins with the first sound, or with a second of silence where none comes.
    """

    def __init__(
        self,
        path: Path,
        *,
        fps: Fraction = DEFAULT_FPS,
        comment: str = "",
        title: str = "",
        sound: bool = False,
        live: bool = False,
    ) -> None:
        if path != STDOUT and path.suffix.lower() not in (".mp4", ".mkv"):
            raise MediaError(f"{path}: pictures are written to .mp4 (H.264) or .mkv (lossless FFV1)")
        self._path = path
        self._fps = fps if 0 < fps <= MAX_FPS else DEFAULT_FPS
        self._metadata = {name: text for name, text in (("comment", comment), ("title", title)) if text}
        self._live = live
        self._key_due = 0  # when the next whole picture is due, 1/90000 s
        self._lossless = path == STDOUT or path.suffix.lower() == ".mkv"
        self._reformatter = VideoReformatter()
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._has_sound = sound
        self._sound: AudioStream | None = None
        self._sound_end = 0  # samples from time 0 to where sound goes on
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

        Raises PictureError on another shape than the first picture's and on a time that is no whole number, MediaError
        if the file cannot be written, BrokenPipeError if nobody reads standard output any more.
        """
        if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
            raise PictureError(f"a picture is uint8 (H, W, 3), not {image_rgb.dtype} {image_rgb.shape}")
        shape, ticks = (image_rgb.shape[0], image_rgb.shape[1]), whole_ticks(pts)
        try:
            if self._stream is None:
                self._sound_end = round(ticks * SAMPLE_RATE / PTS_PER_S)
                self._start(shape)
            if shape != self._shape:
                raise PictureError(f"a picture of {shape} among pictures of {self._shape}")
            assert self._stream is not None
            assert self._container is not None
            frame = VideoFrame.from_ndarray(self._even(image_rgb), format="rgb24")
            if not self._lossless:
                frame = self._reformatter.reformat(
                    frame,
                    format="yuv420p",
                    dst_colorspace=Colorspace.ITU709,
                    dst_color_range=ColorRange.MPEG,
                    threads=1,
                )
            frame.pts, frame.time_base = ticks, Fraction(1, PTS_PER_S)
            if self._live and not self._lossless and ticks >= self._key_due:
                frame.pict_type, self._key_due = PictureType.I, ticks + PTS_PER_S
            self._container.mux(self._stream.encode(frame))
            self.frames += 1
        except BrokenPipeError:
            self._container = self._stream = None  # there is nobody to finish it for
            raise
        except (av.FFmpegError, OSError) as error:
            self._let_go()
            raise MediaError(f"{self._path}: cannot be written: {reason_of(error)}") from error

    def _let_go(self) -> None:
        """After an error: nothing more is written, for FFmpeg, asked again for a head that failed, ends the process."""
        container, self._container, self._stream = self._container, None, None
        self._sound = None
        if container is not None:
            with suppress(av.FFmpegError, OSError):
                container.close()

    def write_sound(self, samples: Samples, *, pts: int) -> None:
        """Add sound, float32 (N,) at 48 kHz, of which the first is heard at `pts`, after what was added before.

        Nothing is kept from before the first picture, or from after a pause of more than ten minutes. Raises MediaError
        and BrokenPipeError as `write` does.
        """
        pause = round(pts * SAMPLE_RATE / PTS_PER_S) - self._sound_end
        if self._sound is None or pause > LONGEST_PAUSE_S * SAMPLE_RATE:
            return
        while pause > 0:
            silence = np.zeros(min(pause, SAMPLE_RATE), np.float32)
            self._mux_sound(silence)
            pause -= len(silence)
        if len(samples) > -pause:
            self._mux_sound(samples[-pause:])

    def silence(self, *, until: int) -> None:
        """Add silence where no sound has come for what is heard before `until`, in 1/90000 s."""
        self.write_sound(np.zeros(0, np.float32), pts=until)

    def _mux_sound(self, samples: Samples) -> None:
        assert self._container is not None
        assert self._sound is not None
        whole = np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16)[None]
        frame = AudioFrame.from_ndarray(whole, format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), self._sound_end
        self._sound_end += len(samples)
        try:
            self._container.mux(self._sound.encode(frame))
        except BrokenPipeError:
            raise
        except (av.FFmpegError, OSError) as error:
            self._let_go()
            raise MediaError(f"{self._path}: cannot be written: {reason_of(error)}") from error

    def close(self) -> None:
        """Finish the file; more than once does nothing more."""
        container, stream = self._container, self._stream
        self._container = self._stream = None
        if container is None or stream is None:
            return
        try:
            container.mux(stream.encode(None))
            if self._sound is not None:
                container.mux(self._sound.encode(None))
            container.close()
        except (av.FFmpegError, OSError) as error:
            self._container = container
            self._let_go()
            raise MediaError(f"{self._path}: cannot be finished: {reason_of(error)}") from error

    def _start(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        options = {} if self._lossless else MP4_OPTIONS
        if self._live:
            options = _LIVE_MKV_OPTIONS if self._lossless else _LIVE_MP4_OPTIONS
            options = options | (_INTERLEAVING if self._has_sound else {})
        if self._path == STDOUT:
            self._container = av.open("pipe:1", "w", format="matroska", options=options)
        else:
            self._container = av.open(local_name(self._path), "w", options=options)
        self._container.metadata.update(self._metadata)
        stream = self._container.add_stream("ffv1" if self._lossless else "libx264", rate=self._fps)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = self._even(np.empty((*shape, 1), np.uint8)).shape[:2]
        stream.codec_context.time_base = Fraction(1, PTS_PER_S)
        if self._lossless:
            stream.pix_fmt = "bgr0"
        else:
            stream.pix_fmt = "yuv420p"
            stream.options = dict(_LIVE_H264_OPTIONS if self._live else H264_OPTIONS)
            stream.codec_context.color_range = ColorRange.MPEG
            stream.codec_context.colorspace = BT709
        self._stream = stream
        if self._has_sound:
            sound = self._container.add_stream("flac" if self._lossless else "aac", rate=SAMPLE_RATE, layout="mono")
            assert isinstance(sound, AudioStream)
            self._sound = sound

    def _even(self, image: Image) -> Image:
        height, width = image.shape[:2]
        if self._lossless or (height % 2 == 0 and width % 2 == 0):
            return np.ascontiguousarray(image)
        return np.ascontiguousarray(image[: max(height // 2 * 2, 2), : max(width // 2 * 2, 2)])
