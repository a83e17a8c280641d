"""Stages 4 and 8, sound in files: samples with their times <-> sound messages with the pts of what is heard of them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from codec.sound.message import MAX_FRAMES, SEQUENCES, TIMES, SoundMessage
from codec.sound.opus import SAMPLE_RATE, Samples, SoundConfig, SoundDecoder, SoundEncoder
from codec.units import PTS_PER_S

__all__ = ["Message", "SoundOfFile", "coded_sound", "cut", "length"]

_JUMP_S = 0.005  # a block that is so far off its time stands after a gap, or overlaps

Message = tuple[int, SoundMessage]


def coded_sound(blocks: Iterable[tuple[Samples, float]], config: SoundConfig) -> Iterator[Message]:
    """Messages of blocks of samples (N,) that begin at so many seconds; what is before 0 is left out.

    A message's pts is the time of the first sample that its decoder gives, which lags behind what went in.
    """
    encoder, sequence = SoundEncoder(config), 0
    for begin_s, samples in _spans(blocks, size=MAX_FRAMES * config.frame_samples, tail=encoder.lookahead):
        missing = -len(samples) % config.frame_samples
        whole = np.concatenate([samples, np.zeros(missing, np.float32)]).reshape(-1, config.frame_samples)
        pts = round((begin_s - encoder.lookahead / SAMPLE_RATE) * PTS_PER_S)
        frames = tuple(encoder.encode(frame) for frame in whole)
        yield (
            pts,
            SoundMessage(sequence=sequence, time=pts % TIMES, frames=frames, frame_ms=config.frame_ms),
        )
        sequence = (sequence + len(frames)) % SEQUENCES


def _spans(blocks: Iterable[tuple[Samples, float]], *, size: int, tail: int) -> Iterator[tuple[float, Samples]]:
    """The same samples in spans of `size`, with when each begins: shorter before a gap, and the end with a `tail`."""
    waiting, begin_s = np.zeros(0, np.float32), 0.0
    for samples, at_s in blocks:
        off_s = at_s - (begin_s + len(waiting) / SAMPLE_RATE)
        if off_s > (_JUMP_S if len(waiting) else 0):
            if len(waiting):
                yield begin_s, waiting
            waiting, begin_s = samples, at_s
        else:
            early = round(-off_s * SAMPLE_RATE) if off_s < -_JUMP_S or at_s < 0 else 0
            waiting = np.concatenate([waiting, samples[max(0, early) :]])
        while len(waiting) >= size:
            yield begin_s, waiting[:size]
            waiting, begin_s = waiting[size:], begin_s + size / SAMPLE_RATE
    rest = np.concatenate([waiting, np.zeros(tail, np.float32)])
    for first in range(0, len(rest) if len(waiting) else 0, size):
        yield begin_s + first / SAMPLE_RATE, rest[first : first + size]


def length(message: SoundMessage) -> int:
    """How long a message is heard, in 1/90000 s."""
    return len(message.frames) * message.frame_ms * PTS_PER_S // 1000


def cut(message: SoundMessage, *, pts: int, end: int) -> SoundMessage:
    """The frames of a message at `pts` that begin before `end`, which is later than it."""
    return replace(message, frames=message.frames[: -(-(end - pts) * 1000 // (PTS_PER_S * message.frame_ms))])


class SoundOfFile:
    """Messages of a file, in order -> samples."""

    def __init__(self) -> None:
        self._decoder = SoundDecoder()

    def decode(self, data: bytes) -> Samples:
        """float32 (N,) of one message. Raises BitstreamError."""
        message = SoundMessage.parse(data)
        if self._decoder.frame_samples * 1000 != message.frame_ms * SAMPLE_RATE:
            self._decoder = SoundDecoder(message.frame_ms)
        return np.concatenate([self._decoder.decode(packet) for packet in message.frames])
