"""Stand-ins for the sender's tests: an encoder, a face finder and a source without networks, cameras or time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
import pytest

from codec.bits.packet import MotionMessage, ReferenceAssembler, ReferenceFragment
from codec.pictures.face import FaceBox
from sender import __main__ as program
from sender.capture import Capture, Picture
from sender.crop.face import FaceFollower
from sender.encode import EncodedPicture, FaceWorker
from sender.h264.fallback import FallbackTrack
from sender.options import SenderOptions
from sender.send import FaceSender
from signaling.protocol.messages import Message, decode, encode
from signaling.transport.memory import memory_pair

M = TypeVar("M", bound=Message)
FRAME_BYTES = 21  # of a fake frame's motion


@dataclass(frozen=True)
class FakePart:
    """A reference (`id`) or motion (`chained`) of a fake frame."""

    id: int = 0
    chained: bool = False
    reference_id: int = 0


@dataclass(frozen=True)
class FakeCoded:
    """A coded frame whose bytes say what is in it: b"K|R|M", number, filling."""

    number: int
    is_keyframe: bool
    reference: FakePart | None
    motion: FakePart | None
    data: bytes

    def __bytes__(self) -> bytes:
        return self.data

    def split(self) -> tuple["FakeCoded | None", "FakeCoded | None"]:
        reference = motion = None
        if self.reference is not None:
            reference = FakeCoded(self.number, self.is_keyframe, self.reference, None, b"R" + self.data[1:])
        if self.motion is not None:
            motion = FakeCoded(self.number, False, None, self.motion, b"M" + bytes([self.number]) * (FRAME_BYTES - 1))
        return reference, motion


@dataclass(frozen=True)
class FakeReport:
    is_keyframe: bool
    psnr_db: float
    reference_bits: int
    qp: int = 34
    payload_bits: int = 160


@dataclass
class FakeEncoder:
    """Codes at once; `psnr_db`, `keyframe_psnr_db` and `reference_every` are the test's to set."""

    bundle: int = 4
    psnr_db: float = 30.0
    keyframe_psnr_db: float = 30.0
    reference_bytes: int = 1500
    reference_every: int = 0
    calls: list[Any] = field(default_factory=list)
    _number: int = -1
    _left: int = 0
    _keyframe: bool = True
    _references: int = -1
    _used: int = 0
    _image: Any = None
    _error: int = 0
    report: Any = None

    def encode(self, image_rgb: Any, *, pts: int) -> FakeCoded:
        assert image_rgb.dtype == np.uint8
        self._number += 1
        keyframe, self._keyframe = self._keyframe, False
        refers = keyframe or (self.reference_every and self._number % self.reference_every == 0)
        self._references += bool(refers)
        self._used = self._references % 8 if keyframe else self._used
        chained = not keyframe and self._left > 0
        self._left = (self._left if chained else self.bundle) - 1
        psnr_db = self.keyframe_psnr_db if keyframe else 0.0  # of other frames it has none of its own
        self.report = FakeReport(keyframe, psnr_db, 8 * self.reference_bytes if refers else 0)
        self.calls.append((image_rgb.shape, pts))
        self._image, self._error = image_rgb, round(255 / 10 ** (self.psnr_db / 20))
        data = (b"K" if keyframe else b"P") + bytes([self._number % 256])
        data += bytes(self.reference_bytes) if refers else bytes(20)
        reference = FakePart(id=self._references % 8) if refers else None
        return FakeCoded(
            self._number % 256, keyframe, reference, FakePart(chained=chained, reference_id=self._used), data
        )

    @property
    def reconstruction(self) -> Any:
        self.calls.append("reconstruction")
        return np.where(self._image < 128, self._image + self._error, self._image - self._error).astype(np.uint8)

    def force_keyframe(self) -> None:
        self.calls.append("keyframe")
        self._keyframe = True

    def acknowledge(self, reference_id: int) -> None:
        self.calls.append(("acknowledge", reference_id))
        self._used = reference_id

    set_qp = set_steps = succeed = staticmethod(lambda *value, **steps: None)

    def start_bundle(self) -> None:
        self.calls.append("bundle")
        self._left = 0

    def set_bundle(self, bundle: int, *, residual: bool) -> None:
        self.bundle = bundle


class FakeBundles:
    """Puts the frames one behind the other; all that a fake encoder makes have one length."""

    def messages(self, frames: Sequence[bytes], *, first_sequence: int, limit: int) -> list[MotionMessage]:
        assert {len(frame) for frame in frames} == {FRAME_BYTES}
        return [MotionMessage(first_sequence % 65_536, len(frames), b"".join(frames))]

    @staticmethod
    def frames(message: MotionMessage) -> list[bytes]:
        assert len(message.unit) == FRAME_BYTES * message.count
        return [message.unit[at : at + FRAME_BYTES] for at in range(0, len(message.unit), FRAME_BYTES)]


class FakeFinder:
    """Finds whatever box the test put there."""

    def __init__(self, box: FaceBox | None) -> None:
        self.box = box
        self.looks = 0
        self.near: FaceBox | None = None  # that the last look was told of

    def detect(self, image_rgb: Any, *, near: FaceBox | None = None) -> FaceBox | None:
        self.looks += 1
        self.near = near
        return self.box


class FakeClock:
    """Monotonic seconds that move only when told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class HandSource:
    """A source whose pictures the test hands over one by one."""

    label, is_live = "hand", True

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._deliver: Callable[[Picture], None] | None = None
        self._ended = asyncio.Event()
        self._error: Exception | None = None
        self.running = asyncio.Event()

    async def run(self, deliver: Callable[[Picture], None]) -> None:
        self._deliver = deliver
        self.running.set()
        await self._ended.wait()
        if self._error is not None:
            raise self._error

    def give(self, pts: int, *, shape: tuple[int, int] = (64, 64)) -> None:
        assert self._deliver is not None
        image = np.full((*shape, 3), pts % 251, np.uint8)
        self._deliver(Picture(image, pts, self._clock()))

    def end(self, error: Exception | None = None) -> None:
        self._error = error
        self._ended.set()


class Worker(FaceWorker):
    """Says when a picture is done."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.done: asyncio.Queue[EncodedPicture] = asyncio.Queue()

    async def encode(self, picture: Any, *, code: bool) -> EncodedPicture:
        done = await super().encode(picture, code=code)
        self.done.put_nowait(done)
        return done


class FarEnd:
    """What a receiver sees."""

    def __init__(self, channels: Any) -> None:
        self.channels = channels
        self.motion: asyncio.Queue[MotionMessage] = asyncio.Queue()
        self.references: asyncio.Queue[bytes] = asyncio.Queue()
        self.control: list[Message] = []
        self._said = asyncio.Event()
        assembler = ReferenceAssembler()

        def on_reference(data: bytes) -> None:
            if (whole := assembler.add(ReferenceFragment.parse(data))) is not None:
                self.references.put_nowait(whole)

        def on_control(data: bytes) -> None:
            self.control.append(decode(data))
            self._said.set()

        channels.reference.set_receiver(on_reference)
        channels.motion.set_receiver(lambda data: self.motion.put_nowait(MotionMessage.parse(data)))
        channels.control.set_receiver(on_control)

    def say(self, message: Message) -> None:
        self.channels.control.send(encode(message))

    async def hear(self, kind: type[M]) -> M:
        """The first message of this kind that has not been heard."""
        while True:
            for message in self.control:
                if isinstance(message, kind):
                    self.control.remove(message)
                    return message
            self._said.clear()
            await self._said.wait()


class Session:
    """One sender with its stand-ins."""

    face = FaceBox(20, 20, 20, 20, 1.0)

    def __init__(self, clock: Any, **options: Any) -> None:
        self.clock = clock
        self.encoder = FakeEncoder(bundle=options.get("bundle", 1))
        self.finder = FakeFinder(self.face)
        self.source = HandSource(clock)
        self.capture = Capture(self.source)
        self.worker = Worker(lambda _: self.encoder, lambda _: FaceFollower(self.finder), size=64, bundles=FakeBundles)
        self.options = SenderOptions(**{"bundle": 1, "mode": "keypoints", **options})
        self.pts, self.through = 0, lambda channels: channels  # what is done to either end's

    @asynccontextmanager
    async def call(self, *, keeps: bool = False) -> AsyncIterator[tuple[FaceSender, FarEnd, FallbackTrack | None]]:
        """A call with a receiver; the sender runs inside."""
        near, far = map(self.through, memory_pair())
        video = FallbackTrack() if self.options.mode != "keypoints" else None
        more: Any = {"worker": self.worker, "options": self.options, "video": video}
        sender = FaceSender(near, self.capture, **more, keeps=keeps, clock=self.clock)
        end = FarEnd(far)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(sender.run())
            if not keeps:
                await self.source.running.wait()
            await ready()
            yield sender, end, video
            await sender.close()
            await running

    async def picture(self, count: int = 1, *, step_s: float = 0.04) -> list[EncodedPicture]:
        """Shows pictures one by one; each is coded and on its way when this returns."""
        out = []
        for _ in range(count):
            self.clock.now_s += step_s
            self.pts += round(step_s * 90_000)
            self.source.give(self.pts)
            out.append(await self.worker.done.get())
            await ready()
        return out


async def ready() -> None:
    """Lets everything run that can run now."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def fakes() -> Any:
    """The stand-ins by name: tests are no package, so they cannot import them."""

    class Fakes:
        Bundles = FakeBundles
        Coded = FakeCoded
        Encoder = FakeEncoder
        FarEnd = FarEnd
        Finder = FakeFinder
        HandSource = HandSource
        Part = FakePart
        Report = FakeReport
        Session = Session
        ready = staticmethod(ready)

    return Fakes


@pytest.fixture
def cheap_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's codec costs nothing, and sees a face in every picture."""
    finder = FakeFinder(FaceBox(10, 10, 20, 20, 1.0))

    def make_worker(options: SenderOptions) -> FaceWorker:
        encoder = FakeEncoder(bundle=options.bundle)
        return FaceWorker(lambda _: encoder, lambda _: FaceFollower(finder), size=64, bundles=FakeBundles)

    monkeypatch.setattr(program, "make_worker", make_worker)


@pytest.fixture
def clip(tmp_path: Path) -> Callable[..., Path]:
    """Writes small clips of moving shapes."""

    def write(name: str = "clip.mkv", *, frames: int = 5, width: int = 64, height: int = 48, rate: int = 25) -> Path:
        path = tmp_path / name
        with av.open(path, "w") as container:
            stream: Any = container.add_stream("ffv1", rate=rate)
            stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
            for number in range(frames):
                image = np.zeros((height, width, 3), np.uint8)
                image[:, number % width] = 255
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write
