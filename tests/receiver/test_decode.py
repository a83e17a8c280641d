"""The decode thread, and what it makes of frames that cannot be decoded."""

import asyncio
import threading
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import receiver.motion.decode
from codec import CodecConfig, Encoder
from codec.bits.packet import MotionMessage
from codec.errors import BitstreamError, ReferenceMissing
from codec.state.bundle import BundleCoder
from codec.state.show import WHOLE, Rendering
from receiver.motion.decode import PATIENCE_S, DecodeThread, FaceDecoder
from receiver.motion.playout import Slot


def unexpected(error: BaseException) -> None:
    raise error


async def occupied(worker: DecodeThread) -> threading.Event:
    """Keeps the thread busy until the event is set."""
    busy, begun = threading.Event(), threading.Event()
    worker.post("read", lambda: (begun.set(), busy.wait(30)), lambda _: None)
    await asyncio.to_thread(begun.wait, 30)
    return busy


async def test_jobs_run_in_another_thread_and_answer_on_the_loop() -> None:
    worker = DecodeThread(failed=unexpected)
    answer: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
    worker.post("read", threading.get_ident, lambda there: answer.set_result((there, threading.get_ident())))
    there, here = await answer
    assert there != here == threading.get_ident()
    await worker.close()


async def test_a_busy_thread_drops_the_oldest_pictures_and_serves_new_references_last() -> None:
    worker = DecodeThread(failed=unexpected)
    busy, done = await occupied(worker), asyncio.Event()
    order: list[str] = []
    worker.post("keyframe", lambda: None, lambda _: order.append("keyframe"))
    worker.post("reference", lambda: None, lambda _: (order.append("reference"), done.set()))
    for number in range(5):
        worker.post("render", lambda: None, lambda _, number=number: order.append(f"render {number}"))
    worker.post("render", lambda: None, lambda _: order.append("last"))
    worker.post("read", lambda: None, lambda _: order.append("read"))
    busy.set()
    await done.wait()
    assert order == ["keyframe", "read", "render 4", "last", "reference"]
    assert worker.dropped["render"] == 4
    await worker.close()


async def test_closing_does_not_wait_for_a_job_that_takes_long() -> None:
    """Networks that are being loaded cannot be interrupted, and a program is to end within a second."""
    worker, told = DecodeThread(failed=unexpected), list[object]()
    begun, busy = threading.Event(), threading.Event()
    worker.post("keyframe", lambda: (begun.set(), busy.wait()), told.append)
    await asyncio.to_thread(begun.wait, 30)
    await worker.close()
    assert not busy.is_set()
    busy.set()
    await asyncio.to_thread(worker._thread.join, 30)
    assert told == []  # nobody is told any more


async def test_a_keyframe_drops_the_references_that_waited_before_it_alone() -> None:
    worker = DecodeThread(failed=unexpected)
    busy, done = await occupied(worker), asyncio.Event()
    order: list[str] = []
    for number in (4, 5):
        worker.post("reference", lambda: None, lambda _, number=number: order.append(f"reference {number}"))
    worker.post("keyframe", lambda: None, lambda _: order.append("keyframe 6"))
    worker.post("reference", lambda: None, lambda _: (order.append("reference 7"), done.set()))
    busy.set()
    await done.wait()
    assert order == ["keyframe 6", "reference 7"]
    assert worker.dropped == {"reference": 2}
    await worker.close()


async def test_a_reference_that_waited_for_long_goes_first() -> None:
    now_s = [0.0]
    worker = DecodeThread(failed=unexpected, clock=lambda: now_s[0])
    busy, done = await occupied(worker), asyncio.Event()
    order: list[str] = []
    worker.post("reference", lambda: None, lambda _: order.append("reference"))
    now_s[0] = 2 * PATIENCE_S
    worker.post("reference", lambda: None, lambda _: (order.append("young"), done.set()))
    worker.post("render", lambda: None, lambda _: order.append("render"))
    busy.set()
    await done.wait()
    assert order == ["reference", "render", "young"]
    await worker.close()


async def test_a_reference_never_goes_before_the_keyframe_that_it_builds_on() -> None:
    """As while networks load: both have waited for long."""
    now_s = [0.0]
    worker = DecodeThread(failed=unexpected, clock=lambda: now_s[0])
    busy, done = await occupied(worker), asyncio.Event()
    order: list[str] = []
    worker.post("keyframe", lambda: None, lambda _: order.append("keyframe"))
    worker.post("reference", lambda: None, lambda _: (order.append("reference"), done.set()))
    now_s[0] = 20 * PATIENCE_S
    busy.set()
    await done.wait()
    assert order == ["keyframe", "reference"]
    await worker.close()


async def test_an_overdue_picture_gives_way_to_the_one_behind_it_alone() -> None:
    now_s = [0.0]
    worker = DecodeThread(failed=unexpected, clock=lambda: now_s[0])
    order: list[str] = []
    for until_s, behind in ((1.0, True), (3.0, True), (1.0, False)):
        busy, done = await occupied(worker), asyncio.Event()
        now_s[0] = 0.0
        worker.post("render", lambda: None, lambda _, done=done: (order.append("first"), done.set()), until_s=until_s)
        if behind:
            worker.post("render", lambda: None, lambda _, done=done: (order.append("behind"), done.set()))
        now_s[0] = 2.0
        busy.set()
        await done.wait()
    await worker.close()
    assert order[0] == "behind"
    assert order.count("first") == 2
    assert worker.dropped["render"] == 1


async def test_queues_are_bounded() -> None:
    worker = DecodeThread(failed=unexpected)
    busy = await occupied(worker)
    for _ in range(1000):
        worker.post("read", lambda: None, lambda _: None)
        worker.post("reference", lambda: None, lambda _: None)
    assert worker.dropped == {"read": 936, "reference": 992}
    busy.set()
    await worker.close()


async def test_an_unexpected_error_reaches_the_owner_and_the_thread_goes_on() -> None:
    loop = asyncio.get_running_loop()
    failure: asyncio.Future[BaseException] = loop.create_future()
    answer: asyncio.Future[int] = loop.create_future()
    worker = DecodeThread(failed=failure.set_result)
    worker.post("read", lambda: 1 // 0, lambda _: None)
    assert isinstance(await failure, ZeroDivisionError)
    worker.post("read", lambda: 7, answer.set_result)
    assert await answer == 7
    await worker.close()


class Motion:
    def __init__(self, reference_id: int) -> None:
        self.reference_id = reference_id


class Frame:
    """Two letters: what to do, and the reference."""

    number = 3
    reference = None  # no keyframe of a size of its own
    is_keyframe = False

    def __init__(self, data: bytes) -> None:
        self.what = data[:1]
        self.motion = Motion(data[1])

    @classmethod
    def parse(cls, data: bytes) -> "Frame":
        if data[:1] == b"X":
            raise BitstreamError("nonsense")
        return cls(data)


class Bundles:
    """Frames of two letters, one behind the other."""

    @classmethod
    def of(cls, weights: str) -> "Bundles":
        return cls()

    def unpack(self, data: bytes, *, count: int) -> list[Frame]:
        return [Frame.parse(data[2 * at : 2 * at + 2]) for at in range(count)]


def message(*frames: bytes) -> MotionMessage:
    return MotionMessage(0, len(frames), b"".join(frames))


class Decoder:
    """Reads frames whose reference is held; `B` is malformed inside, `C` stands on a lost frame."""

    def __init__(self, config: CodecConfig, *, stage: Any) -> None:
        self.references: tuple[int, ...] = ()

    def add_reference(self, frame: Frame) -> int:
        if frame.what == b"B":
            raise BitstreamError("nonsense inside")
        if frame.what == b"I":
            raise ReferenceMissing("inter without intra")
        self.references += (frame.motion.reference_id,)
        return frame.motion.reference_id

    def read(self, frame: Frame) -> tuple[str, int]:
        if frame.what == b"B":
            raise BitstreamError("nonsense inside")
        if frame.what == b"C" or frame.motion.reference_id not in self.references:
            raise ReferenceMissing("not here")
        return ("state", frame.motion.reference_id)

    def mix(self, a: Any, b: Any, fraction: float) -> tuple[Any, Any, float]:
        return (a, b, fraction)

    def render(self, state: Any, *, rendering: Rendering) -> Any:
        if state == "missing":
            raise ReferenceMissing("gone")
        if state == "bad":
            raise BitstreamError("bad")
        return ("picture" if rendering == WHOLE else "frugal picture", state)


@pytest.fixture
def face(monkeypatch: pytest.MonkeyPatch) -> FaceDecoder:
    monkeypatch.setattr(receiver.motion.decode, "Decoder", Decoder)
    monkeypatch.setattr(receiver.motion.decode, "CodedFrame", Frame)
    monkeypatch.setattr(receiver.motion.decode, "BundleCoder", Bundles)
    return FaceDecoder(CodecConfig(), stage=lambda name: nullcontext())


def test_each_way_to_fail_is_told_apart(face: FaceDecoder) -> None:
    assert face.add_reference(b"R\x01").reference_id == 1
    read = face.read(message(b"M\x01", b"B\x01", b"C\x01", b"M\x02"), arrived_us=5)
    assert read.states == ((("state", 1), 5),)
    assert (read.malformed, read.unchained, read.missing) == (1, 1, 1)
    assert face.read(message(b"M\x01", b"X\x01"), arrived_us=5).malformed == 2, "a unit is read as a whole"
    assert not face.is_keyframe(b"X\x01")
    assert face.add_reference(b"X\x01").problem == "malformed"
    assert face.add_reference(b"B\x01").problem == "malformed"
    missing = face.add_reference(b"I\x01")
    assert (missing.problem, missing.number, missing.reference_id) == ("missing", 3, None)


def test_motion_that_overtook_its_reference_waits_for_it(face: FaceDecoder) -> None:
    assert face.read(message(b"M\x05"), arrived_us=100).missing == 1
    face.read(message(b"M\x05"), arrived_us=2_000_000)
    face.read(message(b"M\x06"), arrived_us=2_000_001)
    result = face.add_reference(b"R\x05")
    assert result.held == (5,)
    assert result.freed.states == ((("state", 5), 2_000_000),)  # the first waited for more than a second
    assert result.freed.missing == 1
    assert [state for state, _ in face.add_reference(b"R\x06").freed.states] == [("state", 6)]


def test_the_size_of_the_sender_is_followed() -> None:
    face = FaceDecoder(CodecConfig(size=256, threads=1), stage=lambda name: nullcontext())
    encoder = Encoder(CodecConfig(size=512, threads=1, measure_every=100))
    across, down = np.meshgrid(np.arange(512), np.arange(512))
    picture = np.stack((across // 2, down // 2, (across + down) // 4), -1).astype(np.uint8)
    keyframe, motion = encoder.encode(picture, pts=0).split()
    assert face.is_keyframe(bytes(keyframe))
    assert face.add_reference(bytes(keyframe)).reference_id == 0
    (state, _), *others = face.read(
        MotionMessage(0, 1, BundleCoder.of(CodecConfig().weights).pack([motion])), arrived_us=0
    ).states
    shown = face.render(Slot(0, 0, state)).image_rgb
    assert not others
    assert shown is not None
    assert np.array_equal(shown, encoder.reconstruction)


@pytest.mark.parametrize("change", ["weights", "picture", "size"])
def test_a_header_alone_rebuilds_no_decoder(change: str) -> None:
    """What a keyframe says of its size is believed once its weights are ours and its picture is of that size."""
    face = FaceDecoder(CodecConfig(size=256, threads=1), stage=lambda name: nullcontext())
    face.prepare()
    held = face._made
    small = Encoder(CodecConfig(size=256, threads=1, measure_every=100))
    keyframe, _ = small.encode(np.full((256, 256, 3), 90, np.uint8), pts=0).split()
    assert keyframe is not None
    assert keyframe.reference is not None
    assert keyframe.reference.opening is not None
    opening = replace(keyframe.reference.opening, size=512)  # that its picture is not
    if change == "weights":
        opening = replace(opening, weights_id=bytes(4))
    reference = replace(keyframe.reference, opening=opening)
    if change == "picture":
        reference = replace(reference, picture=reference.picture[:-9])
    result = face.add_reference(bytes(replace(keyframe, reference=reference)))
    assert (result.reference_id, result.problem) == (None, "malformed")
    assert result.reason
    assert face._made is held
    assert face.add_reference(bytes(keyframe)).reference_id == 0


def test_what_waits_is_bounded(face: FaceDecoder) -> None:
    for number in range(100):
        face.read(message(b"M\x05"), arrived_us=number)
    assert len(face.add_reference(b"R\x05").freed.states) == FaceDecoder.WAITING


def test_rendering_mixes_and_reports_problems(face: FaceDecoder) -> None:
    whole: Slot[Any] = Slot(0, 0, "state")
    assert face.render(whole).image_rgb == ("picture", "state")
    between: Slot[Any] = Slot(0, 0, "state", "before", 0.5)
    assert face.render(between).image_rgb == ("picture", ("before", "state", 0.5))
    face.rendering = Rendering(generated=False)
    assert face.render(whole).image_rgb == ("frugal picture", "state")
    lost: Slot[Any] = Slot(0, 0, "missing")
    assert face.render(lost).problem == "missing"
    bad: Slot[Any] = Slot(0, 0, "bad")
    assert face.render(bad).problem == "malformed"
