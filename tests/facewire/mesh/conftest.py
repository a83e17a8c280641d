"""A codec of a few bytes a frame for calls of several: each end has a shade, and a picture is that shade."""

import asyncio
import itertools
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from codec.bits.packet import MotionMessage
from receiver.motion.decode import Read, Referenced, Rendered
from sender.encode import EncodedPicture, Orders

FRAME = struct.Struct(">BBBI")  # shade, number, reference, pts
REFERENCE = struct.Struct(">BB")  # reference, number


@dataclass(frozen=True)
class ToyPart:
    id: int = 0
    chained: bool = False
    reference_id: int = 0


@dataclass(frozen=True)
class ToyCoded:
    number: int
    is_keyframe: bool
    reference: ToyPart | None
    motion: ToyPart | None
    parts: tuple[bytes, bytes]

    def __bytes__(self) -> bytes:
        return self.parts[self.reference is None]

    def split(self) -> tuple["ToyCoded | None", "ToyCoded | None"]:
        reference = ToyCoded(self.number, self.is_keyframe, self.reference, None, self.parts)
        return reference if self.reference else None, ToyCoded(self.number, False, None, self.motion, self.parts)


@dataclass(frozen=True)
class ToyReport:
    is_keyframe: bool
    reference_bits: int
    qp: int = 34
    psnr_db: float = 30.0
    payload_bits: int = 56


class ToyBundles:
    def messages(self, frames: Sequence[bytes], *, first_sequence: int, limit: int) -> list[MotionMessage]:
        return [MotionMessage(first_sequence % 65_536, len(frames), b"".join(frames))]


class ToyWorker:
    """Codes pictures at once, whatever is on them."""

    def __init__(self, shade: int) -> None:
        self.shade, self.orders, self.coded = shade, Orders(), 0
        self._number, self._reference, self._keyframe = -1, -1, True

    bundles, sizes = staticmethod(ToyBundles), (256,)

    async def warm(self) -> None:
        pass

    async def measure(self, *, soon: bool = False) -> None:
        pass

    def close(self) -> None:
        pass

    def force_keyframe(self) -> None:
        self._keyframe = True

    acknowledge = set_qp = staticmethod(lambda value: None)
    set_steps = staticmethod(lambda *, windows, restoration: None)
    set_bundle = staticmethod(lambda bundle, *, residual: None)
    start_bundle = staticmethod(lambda: None)

    async def encode(self, picture: Any, *, code: bool) -> EncodedPicture:
        coded, report, crop = None, None, None
        if code:
            self.orders.carry_out(self)
            keyframe, self._keyframe = self._keyframe, False
            self._number, self._reference = (self._number + 1) % 256, (self._reference + keyframe) % 8
            self.coded += 1
            parts = (
                REFERENCE.pack(self._reference, self._number),
                FRAME.pack(self.shade, self._number, self._reference, picture.pts),
            )
            reference = ToyPart(id=self._reference) if keyframe else None
            coded = ToyCoded(self._number, keyframe, reference, ToyPart(reference_id=self._reference), parts)
            report = ToyReport(keyframe, 16 * keyframe)
        return EncodedPicture(picture, crop, True, coded, report, 30.0, code, {})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class ToyState:
    pts: int
    number: int
    reference_id: int
    shade: int


class ToyDecoder:
    def __init__(self, *_: Any, **__: Any) -> None:
        self.held: set[int] = set()

    def prepare(self) -> None:
        pass

    def is_keyframe(self, data: bytes) -> bool:
        return True

    def add_reference(self, data: bytes) -> Referenced:
        reference_id, number = REFERENCE.unpack(data)
        self.held.add(reference_id)
        return Referenced(reference_id, number, tuple(self.held), Read(()))

    def read(self, message: MotionMessage, *, arrived_us: int) -> Read:
        frames = [FRAME.unpack_from(message.unit, at) for at in range(0, len(message.unit), FRAME.size)]
        states: list[Any] = [
            (ToyState(pts, number, reference, shade), arrived_us)
            for shade, number, reference, pts in frames
            if reference in self.held
        ]
        return Read(tuple(states), missing=len(frames) - len(states))

    def render(self, slot: Any) -> Rendered:
        return Rendered(slot, np.full((32, 32, 3), slot.state.shade, np.uint8))


class Inline:
    """Decodes on the event loop."""

    def __init__(self, *, failed: Any) -> None:
        self.dropped: Counter[str] = Counter()

    def post(self, lane: str, job: Callable[[], Any], done: Callable[[Any], None], *, until_s: float = 0.0) -> None:
        asyncio.get_running_loop().call_soon(done, job())

    async def close(self) -> None:
        pass


@pytest.fixture
def toy_codec(monkeypatch: pytest.MonkeyPatch) -> list[ToyWorker]:
    """Calls use it from now on; the workers that were made, each with a shade of its own: 40, 80, 120 and so on."""
    made: list[ToyWorker] = []
    shades = itertools.count(40, 40)

    def make_worker(options: Any) -> ToyWorker:
        made.append(ToyWorker(next(shades)))
        return made[-1]

    for user in ("facewire.call.program", "facewire.mesh.attach"):
        monkeypatch.setattr(f"{user}.make_worker", make_worker)
    monkeypatch.setattr("receiver.receive.FaceDecoder", ToyDecoder)
    monkeypatch.setattr("receiver.motion.intake.DecodeThread", Inline)
    return made
