"""Stage 1, input, sound: the sound of a file -> mono samples with the times that they have beside its pictures."""

from collections.abc import Iterator

import av
import numpy as np

from codec.errors import MediaError
from codec.input.names import Name
from codec.input.video import reason_of
from codec.sound import SAMPLE_RATE, Samples

__all__ = ["Mono", "has_sound", "read_sound"]


class Mono:
    """Audio frames of any kind -> mono float32 at 48 kHz."""

    def __init__(self) -> None:
        self._resampler = av.AudioResampler(format="fltp", rate=SAMPLE_RATE)  # it would mix two equal channels too loud

    def samples(self, frame: av.AudioFrame | None) -> Samples:
        """(N,), which may lag a little behind what went in; None gives what is left."""
        parts = [np.mean(part.to_ndarray(), axis=0, dtype=np.float32) for part in self._resampler.resample(frame)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def has_sound(name: Name) -> bool:
    """Whether a file holds sound. What can be read once only, a pipe or a live stream, is said to have none."""
    if name.is_pipe or name.is_stream:
        return False
    try:
        with av.open(name.url, options=name.options, metadata_errors="replace") as container:
            return bool(container.streams.audio)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{name.label}: cannot be opened ({reason_of(error)})") from error


def read_sound(name: Name, *, stream: int | None = None) -> Iterator[tuple[Samples, float]]:
    """Blocks of samples, (N,), and the seconds from the first picture to the first of them.

    `stream` is the video stream that sound is beside, where the file has several. A step in the file's own times of
    less than a frame is taken for rounding. Raises MediaError where the sound breaks off.
    """
    try:
        with av.open(name.url, options=name.options, metadata_errors="replace") as container:
            videos = [one for one in container.streams.video if stream is None or one.index == stream]
            begin_s, mono, at_s = _begin_s(videos), Mono(), None
            for frame in container.decode(container.streams.audio[0]):
                told_s = None if frame.time is None else frame.time - begin_s
                if at_s is None or (told_s is not None and abs(told_s - at_s) > frame.samples / frame.sample_rate):
                    at_s = told_s or 0.0
                yield (samples := mono.samples(frame)), at_s
                at_s += len(samples) / SAMPLE_RATE
            if at_s is not None:
                yield mono.samples(None), at_s
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{name.label}: its sound breaks off ({reason_of(error)})") from error


def _begin_s(videos: "list[av.VideoStream]") -> float:
    """When the pictures begin by the file's clock; 0 where it does not say."""
    if not videos or videos[0].start_time is None or videos[0].time_base is None:
        return 0.0
    return float(videos[0].start_time * videos[0].time_base)
