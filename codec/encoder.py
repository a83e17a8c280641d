"""Stage 4, encode: picture -> CodedFrame; closed loop.

The encoder works from the decoded reference and the quantised motion, so it knows the receiver's picture exactly. Per
picture: extract the motion (3), search what to send of it, ask the rate policy for a new reference, code (4).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Self

import numpy as np

from codec.bits.bitstream import MAX_MOTION_BYTES, NUMBERS, CodedFrame, CodedMotion, CodedReference
from codec.config import CodecConfig
from codec.decisions.attention import View, weighted_psnr
from codec.decisions.budget import Budget
from codec.decisions.face_search import FaceSearch
from codec.decisions.first_picture import Candidate, FirstPicture, best_of
from codec.decisions.motion_search import Found, MotionSearch
from codec.decisions.observation import Observation, Observer
from codec.decisions.reference_half import ReferenceHalfEncoder
from codec.decisions.reference_policy import ReferencePolicy
from codec.decisions.spending import spend
from codec.engines.runtime import Runtime
from codec.frame_report import NOTHING_YET, FrameReport, FrameReporter
from codec.graphs import files as graphs
from codec.motion.residual import COEFFICIENTS
from codec.pictures.crop import fitted
from codec.pictures.psnr import psnr_db
from codec.stage_clock import Stage, no_stage
from codec.state.chain import (
    Chain,
    MotionState,
    difference_of,
    full_flow,
    make_state,
    origin,
    timestamp_of,
    write_frame,
)
from codec.state.frame_clock import FrameClock
from codec.state.references import DecodedReference, HeldReference
from codec.state.show import show
from codec.units import Floats, Image, whole_ticks


class Encoder:
    """Codes the pictures of one call.

    `stage`, if given, is entered around "motion", "flow", "windows", "reference", "entropy" and "generate".
    """

    def __init__(self, config: CodecConfig | None = None, *, stage: Stage = no_stage) -> None:
        self.config = config or CodecConfig()
        self._stage = stage
        self._runtime = Runtime(self.config, graphs=graphs.NAMES)
        self._symbols = self._runtime.weights.symbols
        self._search = MotionSearch(self._runtime, self._symbols)
        self._budget = Budget.of(self.config)
        self._qp = self._budget.qp if self._budget else self.config.qp
        weights_id = self._runtime.weights.identifier
        self._references = ReferenceHalfEncoder(
            self.config, self._symbols, mean_shape=self._runtime.mean_shape, weights_id=weights_id
        )
        self._seen: Observation  # what the picture shows; from the first one on
        self._observer = Observer(self._runtime)
        self._face = FaceSearch(self._runtime, self._symbols.tables)
        self._policy, self._clock = ReferencePolicy(), FrameClock()
        self._reporter = FrameReporter(measure_every=self.config.measure_every)
        # Where one keyframe must do, it is worth looking for a good one.
        self._first = FirstPicture(self._runtime.face_shape) if self.config.references == "single" else None
        self._better: Candidate | None = None  # to be the next keyframe
        self.report: FrameReport = NOTHING_YET  # of the last picture
        self._number, self._in_bundle = -1, 0
        self._reference: HeldReference | None = None  # in use
        self._pending: tuple[DecodedReference, int] | None = None  # coded, not yet acknowledged; its bits
        self._state: MotionState | None = None  # of the last frame, and the reference it moves
        self._shown: HeldReference | None = None
        self._keyframe_wanted = True
        self._target: Image = np.zeros((self.config.size, self.config.size, 3), np.uint8)
        self._reconstruction: Image | None = None
        self._base_bits = self._wanted_bits = 0  # of motion: sent, and had there been room

    def encode(self, image_rgb: Image, *, pts: int) -> CodedFrame:
        """uint8 (H, W, 3), square, at pts in 1/90000 s -> its coded frame.

        PictureError when it is no such picture, or pts no integer. pts must grow; one that does not is moved on by a
        tick.
        """
        self._target = fitted(image_rgb, self.config.size)
        with self._stage("motion"):
            self._seen = self._observer.look(self._target)
        pts = self._clock.advance(whole_ticks(pts))
        if self._budget is not None:
            self._budget.advance(pts)
        self._number = (self._number + 1) % NUMBERS
        self._reconstruction = None
        if self._keyframe_wanted or self._reference is None:
            coded = self._code_keyframe(pts)
        else:
            coded = self._code_motion(self._reference, pts)
        self._report(coded, pts)
        return coded

    def set_steps(self, *, windows: bool, restoration: bool) -> None:
        """Whether both ends draw mouth and eyes where that is better, and restore references, from the next on."""
        self._face.draws = windows
        self._references.restore(restoration)

    def succeed(self, before: Self) -> None:
        """Goes on, as one made for another size, where `before` stops: numbers, ids, time, qp, budget, steps are its.

        The next frame is a keyframe.
        """
        self.config = before.config.with_(size=self.config.size)
        self._number, self._clock, self._qp, self._budget = before._number, before._clock, before._qp, before._budget
        self._references.succeed(before._references)
        self._face.draws = before._face.draws

    @property
    def reconstruction(self) -> Image:
        """uint8 (size, size, 3): what the receiver shows for the last picture; computed when first asked for."""
        if self._reconstruction is None:
            with self._stage("generate"):
                assert self._state is not None, "nothing has been encoded yet"
                if self.config.measure_every:
                    self._reconstruction = show(self._runtime, self.shown, self._state)
                else:  # who looks at a frame that is not measured as it is coded says what its windows are worth
                    self._reconstruction = self._face.judge(self.shown, self._state, self._target)
        return self._reconstruction

    @property
    def shown(self) -> HeldReference:
        """The reference that the last picture is generated from."""
        assert self._shown is not None, "nothing has been encoded yet"
        return self._shown

    @property
    def warp(self) -> tuple[Floats, Floats]:
        """What moves it: warping field (64, 64, 2), residual included, and occlusion map (64, 64)."""
        assert self._state is not None, "nothing has been encoded yet"
        return full_flow(self._runtime, self.shown, self._state)

    @property
    def newest(self) -> DecodedReference:
        """The reference coded last, in use or not."""
        assert self._references.newest is not None, "nothing has been encoded yet"
        return self._references.newest

    def begin_with(self, pictures: Sequence[Image]) -> None:
        """The next keyframe shows the best of these, uint8 (H, W, 3), which come first. Raises PictureError."""
        observer = Observer(self._runtime)
        squares = [fitted(picture, self.config.size) for picture in pictures]
        candidates = [(square, observer.look(square)) for square in squares]
        best = best_of(candidates, self._runtime.face_shape)
        self._better = None if best is candidates[0] else best
        self._keyframe_wanted = True

    def force_keyframe(self) -> None:
        """The next coded frame is a keyframe, decodable by a receiver that holds nothing."""
        self._keyframe_wanted = True

    def acknowledge(self, reference_id: int) -> None:
        """The receiver holds this reference; with activation "acknowledged" it is used from the next bundle on."""
        if self._pending is not None and self._pending[0].id == reference_id:
            self._use(*self._pending)

    def set_qp(self, qp: int) -> None:
        """A new quality index, from the next bundle and the next reference on; with `kbps`, the budget decides."""
        self._qp = self.config.with_(qp=qp).qp

    def set_bundle(self, bundle: int, *, residual: bool) -> None:
        """How many frames share a message from now on, and whether optical flow adds to their motion."""
        self.config = self.config.with_(bundle=bundle, residual=residual)
        self._in_bundle %= bundle

    def start_bundle(self) -> None:
        """The next frame does not continue a chain."""
        self._in_bundle = 0

    def _code_keyframe(self, pts: int) -> CodedFrame:
        """A keyframe of the picture, or of a better one of before, which is then moved."""
        better, self._better = self._better, None
        shown, seen = better or (self._target, self._seen)
        reference, bits = self._code_reference(shown, seen, pts=pts, intra=True)
        self._use(self.newest, bits)
        self._keyframe_wanted = False
        if self._first is not None:
            self._first.sent(shown, seen, pts=pts)
        if better is None:
            return CodedFrame(self._number, reference, self._stand_still(pts))
        assert self._reference is not None
        return CodedFrame(self._number, reference, self._code_motion(self._reference, pts).motion)

    def _code_motion(self, held: HeldReference, pts: int) -> CodedFrame:
        chained = self._in_bundle > 0 and self._state is not None and self._state.chain is not None
        before = self._state.chain if chained and self._state else None
        if before is None:
            self._plan()
        start = before if before is not None else origin(held, self._symbols.tables, self._qp)
        with self._stage("flow"):
            view = View.of(self._target, points=self._seen.features)
            found = self._search.find(
                view,
                held,
                before=start,
                chained_base=self._state.base if before is not None and self._state else None,
                motion=lambda: self._seen.motion,
                face=self._face.numbers(held, start=start, landmarks=self._seen.landmarks),
                expected=self._expected(held),
                residual=self.config.residual,
                frames_sharing_cost=(self.config.bundle - self._in_bundle) * self._clock.shown_for,
            )
        wanted = self._with_windows(found, held, pts=pts)
        symbols, chain = self._write(start, wanted, chained=before is not None)
        if chain is not wanted:
            self._reconstruction = None
        coded = CodedMotion(
            reference_id=held.id,
            chained=before is not None,
            base=found.base,
            qp=None if before is not None or start.qp == held.qp else start.qp,
            timestamp=timestamp_of(pts, number=self._number, reference=held),
            symbols=symbols,
        )
        self._hold(held, chain, base=found.base, pts=pts)
        if self._first is not None:
            self._better = self._first.better(self._target, self._seen, pts=pts)
            self._keyframe_wanted |= self._better is not None
        spent = self._policy.frame(found.psnr_db, bits=8 * len(symbols), qp=self._qp, shown_for=self._clock.shown_for)
        return self._with_reference(coded, pts) if self._grants(spent) else CodedFrame.moved(self._number, coded)

    def _with_windows(self, found: Found, held: HeldReference, *, pts: int) -> Chain:
        """What was found, and the windows to draw; a picture that was measured on the way is the reconstruction."""
        due = self.config.measure_every and self._number % self.config.measure_every == 0
        state = partial(
            make_state, tables=self._symbols.tables, reference=held, number=self._number, pts=pts, base=found.base
        )
        with self._stage("windows"):
            chain, self._reconstruction = self._face.choose(
                found.chain, held, state=state, target=self._target if due else None
            )
        return chain

    def _grants(self, spent: bool) -> bool:
        """Whether the next frame may have a new reference; `spent`: the one in use has served its time."""
        if self._pending is not None or self.config.references == "single":
            return False
        return spent if self._budget is None else self._budget.grants(excess_db=self._policy.excess_db)

    def _with_reference(self, moved: CodedMotion, pts: int) -> CodedFrame:
        """The frame with a new reference beside its motion, or, where that is used at once, in place of it."""
        if self.config.activation == "immediate":
            self._plan()
        reference, bits = self._code_reference(self._target, self._seen, pts=pts, intra=False)
        if self.config.activation == "acknowledged":
            self._pending = (self.newest, bits)
            return CodedFrame(self._number, reference, moved)
        self._use(self.newest, bits)
        return CodedFrame(self._number, reference, self._stand_still(pts))

    def _plan(self) -> None:
        """A bundle begins: the budget, if there is one, says at which qp."""
        if self._budget is not None:
            self.set_qp(self._budget.plan())

    def _write(self, start: Chain, chain: Chain, *, chained: bool) -> tuple[bytes, Chain]:
        """A frame's integers as bytes, and the integers they stand for."""
        with self._stage("entropy"):
            symbols = self._written(start, chain)
            self._wanted_bits = 8 * len(symbols)
            if len(symbols) <= self._room_bytes():
                return symbols, chain
            # A wild picture can ask for more than a message or the budget holds: its residual stays as it was.
            chain = replace(chain, residual=start.residual)
            symbols = self._written(start, chain)
            if len(symbols) > self._room_bytes() and chained:
                self._base_bits = 0
                return b"", start  # there is no room for anything: the picture stays
            return symbols, chain

    def _written(self, start: Chain, chain: Chain) -> bytes:
        symbols, self._base_bits = write_frame(self._symbols, difference_of(chain, start), windows=start.windows)
        return symbols

    def _room_bytes(self) -> int:
        """What the motion symbols of a frame may take."""
        return MAX_MOTION_BYTES if self._budget is None else min(MAX_MOTION_BYTES, self._budget.room_bytes())

    def _expected(self, held: HeldReference) -> Floats:
        """Residual coefficients of the last frame, if it moved the same reference."""
        if self._state is not None and self._shown is held:
            return self._state.coefficients
        return np.zeros(COEFFICIENTS, np.float32)

    def _code_reference(
        self, image_rgb: Image, seen: Observation, *, pts: int, intra: bool
    ) -> tuple[CodedReference, int]:
        """Codes a picture, and what is seen in it, as a new reference and holds it as the newest; its bits."""
        with self._stage("reference"):
            coded, _ = self._references.code(
                image_rgb,
                seen,
                intra=intra,
                number=self._number,
                pts=pts,
                duration=self._clock.duration,
                qp=self._qp,
                coarser_by=self._policy.coarser_by,
                keyframe_bits=self._budget.keyframe_bits if self._budget else None,
            )
        return coded, 8 * (len(coded.symbols) + len(coded.picture))

    def _use(self, coded: DecodedReference, bits: int) -> None:
        with self._stage("reference"):
            reference = coded.held(self._runtime, after=self._reference)
        self._reference, self._pending = reference, None
        target = View.of(self._target, points=self._seen.features)
        quality = weighted_psnr(View.of(reference.prepared.picture).colour, target)
        self._policy.begin(bits=bits, psnr_db=quality, qp=self._qp, keyframe=coded.intra)
        self._in_bundle = 0

    def _stand_still(self, pts: int) -> CodedMotion:
        """A motion half that shows the new reference as it is."""
        reference, self._base_bits, self._reconstruction = self._reference, 0, None
        assert reference is not None
        self._hold(reference, origin(reference, self._symbols.tables, self._qp), base=True, pts=pts)
        return CodedMotion(reference.id, False, True, None, None, b"")

    def _hold(self, reference: HeldReference, chain: Chain, *, base: bool, pts: int) -> None:
        self._state = make_state(
            chain, self._symbols.tables, reference=reference, number=self._number, pts=pts, base=base
        )
        self._shown = reference
        self._in_bundle = (self._in_bundle + 1) % self.config.bundle

    def _report(self, coded: CodedFrame, pts: int) -> None:
        assert self._state is not None
        self.report = self._reporter.report(
            coded,
            pts=pts,
            number=self._number,
            reference_id=self._state.reference_id,
            qp=self._qp,
            base_bits=self._base_bits,
            measure=lambda: psnr_db(self.reconstruction, self._target),
        )
        if self._budget is not None:
            spend(self._budget, coded, wanted_bits=self._wanted_bits)
