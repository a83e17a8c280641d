"""A call without a codec and without time: a loop whose clock jumps to the next timer, and toys for the rest."""

import asyncio
import selectors
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar, cast

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import VideoFrame

from codec.bits.packet import MotionMessage, pack_reference
from receiver.figures.meter import Figures
from receiver.motion.decode import Read, Referenced, Rendered
from receiver.motion.playout import Slot
from receiver.picture import Picture
from receiver.receive import FaceReceiver
from signaling.protocol.messages import (
    ClockPing,
    ClockPong,
    KeyframeRequest,
    Message,
    ReceiverReport,
    ReferenceReceived,
    decode,
    encode,
)
from signaling.transport.channels import Channels
from signaling.transport.costs import MAX_MESSAGE_BYTES
from signaling.transport.memory import memory_pair

Result = TypeVar("Result")
FRAME = struct.Struct(">4sBBI")  # mark, number, reference, pts
REFERENCE = struct.Struct(">4sBB")  # mark, number, reference
STEP = 3600  # 25 fps


class JumpingSelector(selectors.DefaultSelector):
    """Never waits: when no file is ready, the time asked for is simply over."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everything waits and no timer runs"
            self.now_s += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jumping = JumpingSelector()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now_s


@pytest.fixture
def virtual() -> Callable[[Coroutine[Any, Any, Result]], Result]:
    """Runs a coroutine on virtual time; nothing but timers may wake it."""

    def run(work: Coroutine[Any, Any, Result]) -> Result:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(work)

    return run


@dataclass(frozen=True, slots=True)
class ToyState:
    pts: int
    number: int
    reference_id: int


class InlineWorker:
    """Does the work at once; a picture takes `render_s` of the loop's time."""

    def __init__(self, *, render_s: float = 0.0) -> None:
        self.dropped: Counter[str] = Counter()
        self.closed = False
        self._render_s = render_s

    def post(
        self, lane: str, job: Callable[[], Result], done: Callable[[Result], None], *, until_s: float = 0.0
    ) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(self._render_s if lane == "render" else 0.0, done, job())

    async def close(self) -> None:
        self.closed = True


class ToyDecoder:
    """Holds references by id; a picture is the frame's pts in its first pixels."""

    def __init__(self) -> None:
        self.held: dict[int, int] = {}
        self.slots: list[Slot[Any]] = []

    def prepare(self) -> None:
        pass

    def is_keyframe(self, data: bytes) -> bool:
        return True

    def add_reference(self, data: bytes) -> Referenced:
        if len(data) != REFERENCE.size or data[:4] != b"REFR":
            return Referenced(None, 0, tuple(self.held), Read(()), "malformed")
        _, number, reference_id = REFERENCE.unpack(data)
        self.held[reference_id] = number
        return Referenced(reference_id, number, tuple(self.held), Read(()))

    def read(self, message: MotionMessage, *, arrived_us: int) -> Read:
        states: list[Any] = []
        missing = 0
        if len(message.unit) != message.count * FRAME.size or message.unit[:4] != b"FRAM":
            return Read((), malformed=message.count)
        for at in range(0, len(message.unit), FRAME.size):
            data = message.unit[at : at + FRAME.size]
            _, number, reference_id, pts = FRAME.unpack(data)
            if reference_id in self.held:
                states.append((ToyState(pts, number, reference_id), arrived_us))
            else:
                missing += 1
        return Read(tuple(states), missing=missing)

    def render(self, slot: Slot[Any]) -> Rendered:
        self.slots.append(slot)
        return Rendered(slot, np.full((16, 16, 3), slot.pts // STEP % 256, np.uint8))


@dataclass
class ToySender:
    """25 frames a second in bundles of four; a reference when asked for, and never before; answers pings."""

    channels: Channels
    bundle: int = 4
    ahead_us: int = 5_000_000  # its clock before ours
    reference_id: int = 0
    heard: list[tuple[float, Message]] = field(default_factory=list)
    frame: int = 0
    sequence: int = 0
    transfer: int = 0
    waiting: list[bytes] = field(default_factory=list)
    hearing: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.channels.control.set_receiver(self._hear)

    def now_us(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e6) + self.ahead_us

    def say(self, message: Message) -> None:
        self.channels.control.send(encode(message))

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for _, message in self.heard if isinstance(message, kind)]

    async def wait_for(self, kind: type[Any]) -> None:
        while not self.of(kind):
            self.hearing.clear()
            await self.hearing.wait()

    def _hear(self, data: bytes) -> None:
        message = decode(data)
        self.heard.append((asyncio.get_running_loop().time(), message))
        self.hearing.set()
        if isinstance(message, ClockPing):
            self.say(ClockPong(ping_us=message.sent_us, pong_us=self.now_us()))
        elif isinstance(message, KeyframeRequest):
            self.send_reference()

    def send_reference(self) -> None:
        data = REFERENCE.pack(b"REFR", self.frame % 256, self.reference_id)
        for fragment in pack_reference(data, transfer=self.transfer, limit=MAX_MESSAGE_BYTES):
            self.channels.reference.send(bytes(fragment))
        self.transfer += 1

    def send_frame(self) -> None:
        self.waiting.append(FRAME.pack(b"FRAM", self.frame % 256, self.reference_id, self.frame * STEP))
        self.frame += 1
        if len(self.waiting) == self.bundle:
            self.channels.motion.send(
                bytes(MotionMessage(self.sequence % 65536, len(self.waiting), b"".join(self.waiting)))
            )
            self.sequence += 1
            self.waiting.clear()

    async def film(self, frames: int) -> None:
        """Sends frames at their times, counted from the loop's zero."""
        for _ in range(frames):
            self.send_frame()
            await asyncio.sleep(0.04)


class ToyVideo(MediaStreamTrack):
    """An H.264 track whose pictures a test puts in."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._frames: asyncio.Queue[VideoFrame | None] = asyncio.Queue()
        self._number = 0

    def put(self) -> None:
        frame = VideoFrame.from_ndarray(np.full((16, 16, 3), 200, np.uint8), format="rgb24")
        frame.pts, frame.time_base = self._number * STEP, Fraction(1, 90_000)
        self._number += 1
        self.give(frame)

    def give(self, frame: VideoFrame) -> None:
        self._frames.put_nowait(frame)

    def end(self) -> None:
        self._frames.put_nowait(None)

    async def film(self, frames: int) -> None:
        for _ in range(frames):
            self.put()
            await asyncio.sleep(0.04)

    async def recv(self) -> VideoFrame:
        frame = await self._frames.get()
        if frame is None:
            raise MediaStreamError
        return frame


async def during(receiver: FaceReceiver, work: Awaitable[Any]) -> None:
    """Runs the receiver while `work` lasts, and a little longer: for what is on its way."""
    async with asyncio.TaskGroup() as group:
        group.create_task(receiver.run())
        await work
        await asyncio.sleep(0.5)
        await receiver.close()


class Ends:
    """A receiver with toys, its far end, and what it showed."""

    def __init__(self, *, render_s: float = 0.0, video: Any = None, **path: Any) -> None:
        here, there = memory_pair(delay_s=0.02, **path)
        self.decoder = ToyDecoder()
        self.worker = InlineWorker(render_s=render_s)
        self.sender = ToySender(there)
        self.receiver = FaceReceiver(here, worker=self.worker, decoder=cast(Any, self.decoder), video=video)
        self.shown: list[Picture] = []
        self.figures: list[Figures] = []
        self.receiver.watch(self.shown.append)
        self.receiver.watch_meter(self.figures.append)

    def run_during(self, receiver: FaceReceiver, work: Awaitable[Any]) -> Awaitable[None]:
        return during(receiver, work)

    async def film(self, frames: int) -> None:
        await during(self.receiver, self.sender.film(frames))

    @property
    def pts(self) -> list[int]:
        return [picture.pts // STEP for picture in self.shown if picture.kind == "keypoints"]


@pytest.fixture
def toys() -> Any:
    """The toys by name: tests cannot import this file."""

    class Toys:
        Decoder, Sender, State, Video, Worker = ToyDecoder, ToySender, ToyState, ToyVideo, InlineWorker
        Ends = Ends
        run_during = staticmethod(during)
        reports = ReceiverReport
        received = ReferenceReceived

    return Toys
