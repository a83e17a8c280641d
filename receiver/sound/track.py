"""Stage 10, sound: what is heard as an aiortc audio track, in time with its clock."""

import asyncio
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from codec.sound import SAMPLE_RATE
from receiver.sound.mixer import Pulled

__all__ = ["BLOCK", "SoundTrack"]

BLOCK = SAMPLE_RATE // 50  # 20 ms, as aiortc's own tracks


class SoundTrack(MediaStreamTrack):
    """20 ms of mono sound after the other, each when it is due; whoever reads late gets the next one at once.

    One reader alone: what it reads is what is played. `recv` raises aiortc's MediaStreamError once it is stopped.
    """

    kind = "audio"

    def __init__(self, playout: Pulled, *, clock: Callable[[], float] | None = None) -> None:
        super().__init__()
        self._playout = playout
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._begun_s: float | None = None
        self._blocks = 0

    async def recv(self) -> av.AudioFrame:
        """The next 20 ms."""
        now_s = self._clock()
        if self._begun_s is None:
            self._begun_s = now_s
        due_s = self._begun_s + self._blocks * BLOCK / SAMPLE_RATE
        if due_s > now_s:
            await asyncio.sleep(due_s - now_s)
        if self.readyState != "live":
            raise MediaStreamError
        samples = self._playout.pull(BLOCK, play_us=round(due_s * 1e6), now_us=round(due_s * 1e6))
        whole = np.clip(np.rint(samples * 32767), -32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(whole[None], format="s16", layout="mono")
        frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        frame.pts = self._blocks * BLOCK
        self._blocks += 1
        return frame

    def due_us(self, frame: av.AudioFrame) -> int:
        """When a frame of this track is heard, on the clock that it goes by."""
        assert self._begun_s is not None
        assert frame.pts is not None
        return round((self._begun_s + frame.pts / SAMPLE_RATE) * 1e6)
