"""Stages 8 and 9, decode and generate: the one thread that runs codec.Decoder, off the event loop."""

import asyncio
import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol, TypeVar

from codec import CodecConfig, CodedFrame, Decoder, MotionState
from codec.bits.packet import MotionMessage
from codec.errors import BitstreamError, CodecError, ReferenceMissing, VersionError
from codec.reference.coder import ReferenceDecoder
from codec.state.bundle import BundleCoder
from codec.state.show import WHOLE, Rendering
from codec.units import Image
from codec.weights.files import identify
from receiver.motion.playout import Slot
from signaling.threads import tell_loop

Result = TypeVar("Result")
Lane = Literal["keyframe", "read", "render", "reference"]

# In the order in which they are served, with the most jobs each may hold; the oldest goes first when one is full. A
# picture that was not rendered in time is not missed, but a chained frame that was not read costs the ones after it.
# Motion cannot be read before its keyframe; other references are not used before the sender has our receipt, and take
# as long as two pictures. A keyframe stands for all references before it: those that still wait are dropped, and none
# behind it goes first.
LANES: dict[Lane, int] = {"keyframe": 8, "read": 64, "render": 2, "reference": 8}
CLOSES_WITHIN_S = 0.3  # a job in hand is not waited for any longer: loading networks takes seconds
PATIENCE_S = 0.1  # of a reference with pictures going first: a thread that is never idle serves it all the same


@dataclass(frozen=True, slots=True)
class Work:
    """A job with its receiver; when it came, and until when it should have begun (s)."""

    job: Callable[[], Any]
    done: Callable[[Any], None]
    asked_s: float
    until_s: float


class Worker(Protocol):
    """Where decoding runs: a thread, or whatever a test puts in its place."""

    dropped: Counter[str]

    def post(
        self, lane: Lane, job: Callable[[], Result], done: Callable[[Result], None], *, until_s: float = math.inf
    ) -> None:
        """Runs `job` elsewhere, then `done` with its result on the event loop.

        One that has not begun when the loop's clock shows `until_s` is dropped if another is behind it in its lane.
        """

    async def close(self) -> None:
        """Drops what waits and ends once the running job has, or leaves it to end by itself where that takes long."""


class DecodeThread:
    """A Worker with one thread and one bounded queue for each lane.

    An exception that a job lets through is not expected (what a peer can cause is a result): it goes to `failed` on the
    event loop, and the thread goes on.
    """

    def __init__(self, *, failed: Callable[[BaseException], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._failed = failed
        self._ready = threading.Condition()
        self._jobs: dict[Lane, deque[Work]] = {lane: deque() for lane in LANES}
        self._closing = False
        self.dropped: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="facewire-decode", daemon=True)
        self._thread.start()

    def post(
        self, lane: Lane, job: Callable[[], Result], done: Callable[[Result], None], *, until_s: float = math.inf
    ) -> None:
        with self._ready:
            jobs = self._jobs[lane]
            while len(jobs) >= LANES[lane]:
                jobs.popleft()
                self.dropped[lane] += 1
            if lane == "keyframe":  # served first, it takes away what they build on
                self.dropped["reference"] += len(self._jobs["reference"])
                self._jobs["reference"].clear()
            jobs.append(Work(job, done, self._clock(), until_s))
            self._ready.notify()

    async def close(self) -> None:
        with self._ready:
            self._closing = True
            self._ready.notify()
        await asyncio.to_thread(self._thread.join, CLOSES_WITHIN_S)

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                result = work.job()
            except Exception as error:  # whatever a job raises must reach the owner, not vanish with the thread
                self._tell(self._failed, error)
            else:
                self._tell(work.done, result)

    def _next(self) -> Work | None:
        with self._ready:
            while not self._closing:
                waiting = [lane for lane in LANES if self._jobs[lane]]
                if waiting:
                    return self._pop(self._first(waiting))
                self._ready.wait()
        return None

    def _pop(self, lane: Lane) -> Work:
        jobs = self._jobs[lane]
        while len(jobs) > 1 and jobs[0].until_s < self._clock():
            jobs.popleft()
            self.dropped[lane] += 1
        return jobs.popleft()

    def _first(self, waiting: list[Lane]) -> Lane:
        references = self._jobs["reference"]
        if waiting[0] != "keyframe" and references and self._clock() - references[0].asked_s > PATIENCE_S:
            return "reference"
        return waiting[0]

    def _tell(self, callback: Callable[[Any], None], value: object) -> None:
        with self._ready:
            if not self._closing:
                tell_loop(self._loop, callback, value)


@dataclass(frozen=True, slots=True)
class Read:
    """Motions decoded by one job, with the arrival time of their message; and what went wrong."""

    states: tuple[tuple[MotionState, int], ...]
    missing: int = 0  # frames whose reference is not here
    unchained: int = 0  # frames that stand on one that was lost
    malformed: int = 0


@dataclass(frozen=True, slots=True)
class Referenced:
    """What became of one reference: its id (None: refused, and `reason` says why), and the waiting motions it freed."""

    reference_id: int | None
    number: int
    held: tuple[int, ...]
    freed: Read
    problem: Literal["missing", "malformed"] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A picture, or None with what stood in its way."""

    slot: Slot[MotionState]
    image_rgb: Image | None
    problem: Literal["missing", "malformed"] | None = None


class Decoding(Protocol):
    """What the receiver has its worker do."""

    rendering: Rendering  # what pictures are made with

    def prepare(self) -> None:
        """Loads what decoding needs."""

    def is_keyframe(self, data: bytes) -> bool:
        """Whether frames cannot do without the reference half in `data`; quick."""

    def add_reference(self, data: bytes) -> Referenced:
        """Stores the reference half in `data`."""

    def read(self, message: MotionMessage, *, arrived_us: int) -> Read:
        """Decodes the motion halves of one message."""

    def render(self, slot: Slot[MotionState]) -> Rendered:
        """Makes the picture of `slot`."""


class FaceDecoder:
    """What the worker runs: codec.Decoder, made at the first job, and the motions that wait for their reference.

    Motion travels beside its reference and may overtake it. A frame whose reference is not here yet waits (at most
    `WAITING` frames, newest win) and is read again when the next reference arrives.
    """

    WAITING = 32
    WAITING_US = 1_000_000

    def __init__(self, config: CodecConfig, *, stage: Callable[[str], AbstractContextManager[None]]) -> None:
        self.rendering = WHOLE
        self._config = config
        self._stage = stage
        self._made: Decoder | None = None
        self._before: Decoder | None = None  # that of another size, until a picture of this one is there
        self._waiting: deque[tuple[CodedFrame, int]] = deque(maxlen=self.WAITING)

    @cached_property
    def _bundles(self) -> BundleCoder:
        return BundleCoder.of(self._config.weights)

    @property
    def _decoder(self) -> Decoder:
        if self._made is None:
            self._made = Decoder(self._config, stage=self._stage)
        return self._made

    def prepare(self) -> None:
        """Loads the networks, so that the first picture does not wait for them. Raises WeightsError, ConfigError."""
        assert self._decoder is not None

    def is_keyframe(self, data: bytes) -> bool:
        """Whether frames cannot do without the reference half in `data`; quick."""
        try:
            return CodedFrame.parse(data).is_keyframe
        except BitstreamError:
            return False

    def add_reference(self, data: bytes) -> Referenced:
        """Stores the reference half in `data` and reads the motions that waited for it."""
        number = 0
        try:
            coded = CodedFrame.parse(data)
            number = coded.number
            self._follow_size(coded)
            reference_id = self._decoder.add_reference(coded)
        except ReferenceMissing:
            return Referenced(None, number, self._held(), Read(()), "missing")
        except CodecError as error:  # damage, but also a sender of another version or with other weights
            return Referenced(None, number, self._held(), Read(()), "malformed", str(error))
        waiting, newest_us = list(self._waiting), max((arrived for _, arrived in self._waiting), default=0)
        self._waiting.clear()
        freed = self._read([frame for frame in waiting if frame[1] >= newest_us - self.WAITING_US])
        return Referenced(reference_id, number, self._held(), freed)

    def _follow_size(self, coded: CodedFrame) -> None:
        """A keyframe says how large the sender codes; the receiver goes along, once the rest of it holds what it says.

        What moves references of the size before is read and shown all the same: it was on its way already.

        Raises VersionError for other weights, BitstreamError where the picture is of another size or does not decode.
        """
        reference = coded.reference
        opening = None if reference is None else reference.opening
        if reference is None or opening is None or opening.size == self._config.size:
            return
        ours = identify(self._config.weights)
        if opening.weights_id != ours:
            raise VersionError(f"the stream needs weights {opening.weights_id.hex()}; these are {ours.hex()}")
        ReferenceDecoder(size=opening.size).decode(reference.picture, intra=True)
        self._config, self._before, self._made = self._config.with_(size=opening.size), self._made, None

    def _reader(self, frame: CodedFrame) -> Decoder:
        """Who holds what the frame moves: the decoder of now, or that of the size before."""
        before, motion = self._before, frame.motion
        if before is None or motion is None or motion.reference_id in self._decoder.references:
            return self._decoder
        return before if motion.reference_id in before.references else self._decoder

    def _picture(self, state: MotionState) -> Image:
        try:
            picture = self._decoder.render(state, rendering=self.rendering)
        except ReferenceMissing:
            if self._before is None:
                raise
            return self._before.render(state, rendering=self.rendering)
        self._before = None  # states come in their order
        return picture

    def _held(self) -> tuple[int, ...]:
        return tuple(self._decoder.references)

    def read(self, message: MotionMessage, *, arrived_us: int) -> Read:
        """Entropy-decodes the motion halves of one message, in order."""
        try:
            with self._stage("read"):
                frames = self._bundles.unpack(message.unit, count=message.count)
        except BitstreamError:
            return Read((), malformed=message.count)
        return self._read([(frame, arrived_us) for frame in frames])

    def _read(self, coded: list[tuple[CodedFrame, int]]) -> Read:
        states: list[tuple[MotionState, int]] = []
        missing = unchained = malformed = 0
        for frame, arrived_us in coded:
            try:
                with self._stage("read"):
                    states.append((self._reader(frame).read(frame), arrived_us))
            except ReferenceMissing:
                if frame.motion is not None and frame.motion.reference_id in self._decoder.references:
                    unchained += 1
                else:
                    missing += 1
                    self._waiting.append((frame, arrived_us))
            except CodecError:
                malformed += 1
        return Read(tuple(states), missing, unchained, malformed)

    def render(self, slot: Slot[MotionState]) -> Rendered:
        """Warps and generates the picture of `slot`."""
        try:
            state = slot.state
            if slot.before is not None:
                state = self._decoder.mix(slot.before, slot.state, slot.fraction)
            with self._stage("render"):
                return Rendered(slot, self._picture(state))
        except ReferenceMissing:
            return Rendered(slot, None, "missing")
        except CodecError:
            return Rendered(slot, None, "malformed")
