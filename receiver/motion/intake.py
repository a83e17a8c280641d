"""Stages 6 to 8, intake: messages as they come -> jobs for the decoding thread -> references held and motion read."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from codec.bits.packet import MotionMessage, ReferenceAssembler, ReferenceFragment
from codec.errors import BitstreamError, CodecError
from receiver.errors import DecodingError
from receiver.figures.meter import Meter
from receiver.motion.decode import DecodeThread, Decoding, Lane, Read, Referenced, Worker
from receiver.motion.jitterbuffer import JitterBuffer
from signaling.printable import reason_of

__all__ = ["Intake"]


class Intake:
    """Owns what is on its way from the channels to the decoder, and the thread that the decoder runs in.

    What comes of it goes to `on_reference` and `on_read`, on the event loop. An error that is no peer's doing goes to
    `failed` and is kept as `failure`, a CodecError or a DecodingError.
    """

    def __init__(
        self,
        decoder: Decoding,
        *,
        worker: Worker | None,
        reorder_us: int,
        now_us: Callable[[], int],
        meter: Meter,
        counts: Counter[str],
        on_reference: Callable[[Referenced], None],
        on_read: Callable[[Read], None],
        failed: Callable[[], None],
    ) -> None:
        self.decoder = decoder
        self.messages: JitterBuffer[MotionMessage] = JitterBuffer(wait_us=reorder_us)
        self.failure: BaseException | None = None
        self._worker = worker
        self._assembler = ReferenceAssembler()
        self._now_us = now_us
        self._meter = meter
        self._counts = counts
        self._on_reference = on_reference
        self._on_read = on_read
        self._failed = failed
        self._loaded = asyncio.Event()  # or never will be: failed, closed
        self._started = self._closing = False

    def start(self) -> None:
        """Begins to load the networks, once."""
        if self._worker is None:
            self._worker = DecodeThread(failed=self._fail)
        if not self._started:
            self._started = True
            self._worker.post("keyframe", self.decoder.prepare, lambda _: self._loaded.set())

    async def loaded(self) -> None:
        """Waits for that. Raises WeightsError or ConfigError if the decoder cannot be made."""
        self.start()
        await self._loaded.wait()
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """Nothing more is decoded."""
        self._closing = True
        self._loaded.set()

    async def close(self) -> None:
        """Ends the thread after the job in hand."""
        self.stop()
        if self._worker is not None:
            await self._worker.close()

    @property
    def dropped(self) -> dict[str, int]:
        """Jobs that gave way to newer ones, by lane."""
        return dict(self._worker.dropped) if self._worker is not None else {}

    def take_reference(self, data: bytes) -> bool:
        """A message of the reference channel; False when it is none."""
        try:
            fragment = ReferenceFragment.parse(data)
            whole = self._assembler.add(fragment)
        except BitstreamError:
            self._counts["malformed_reference"] += 1
            return False
        self._meter.message(payload_bytes=len(fragment.data), message_bytes=len(data), reference=True)
        if whole is not None:
            lane: Lane = "keyframe" if self.decoder.is_keyframe(whole) else "reference"
            self.post(lane, partial(self.decoder.add_reference, whole), self._on_reference)
        return True

    def take_motion(self, data: bytes) -> bool:
        """A message of the motion channel; False when it is none."""
        try:
            message = MotionMessage.parse(data)
        except BitstreamError:
            self._counts["malformed_motion"] += 1
            return False
        if self.messages.add(message.sequence, message, now_us=self._now_us()):
            self._meter.message(payload_bytes=len(message.unit), message_bytes=len(data), frames=message.count)
        else:
            self._meter.message(payload_bytes=0, message_bytes=len(data))
        self.release()
        return True

    def release(self) -> None:
        """Motion whose turn has come goes to the decoder."""
        for released in self.messages.take(now_us=self._now_us()):
            job = partial(self.decoder.read, released.message, arrived_us=released.arrived_us)
            self.post("read", job, self._on_read)
        counts = self.messages.counts
        self._meter.motion_loss(lost=counts["lost"], expected=counts["lost"] + counts["received"])

    def post(
        self, lane: Lane, job: Callable[[], Any], done: Callable[[Any], None], *, until_s: float = math.inf
    ) -> None:
        """Has the decoder do something else beside: see Worker.post."""
        if self._worker is not None and not self._closing:
            self._worker.post(lane, job, done, until_s=until_s)

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, CodecError):
            error = DecodingError(f"decoding failed: {type(error).__name__}: {reason_of(error)}")
        self.failure = error
        self._loaded.set()
        self._failed()
