"""Stage 4, encode: picture -> CodedFrame; closed loop.

The encoder works from the decoded reference and the quantised motion, so it knows the receiver's picture exactly. Per
picture: extract the motion (3), search what to send of it, ask the rate policy for a new reference, code (4).
"""

import cv2
import numpy as np

from codec.bits.bitstream import MAX_MOTION_BYTES, NUMBERS, REFERENCE_IDS, CodedFrame, CodedMotion, CodedReference
from codec.bits.symbols import SymbolCoder
from codec.config import CodecConfig
from codec.decisions.attention import View, weighted_psnr
from codec.decisions.budget import Budget
from codec.decisions.motion_search import MotionSearch
from codec.decisions.reference_policy import ReferencePolicy
from codec.engines.runtime import Runtime
from codec.errors import PictureError
from codec.frame_report import NOTHING_YET, FrameReport, FrameReporter
from codec.graphs import files as graphs
from codec.motion.residual import COEFFICIENTS
from codec.pictures.psnr import psnr_db
from codec.reference.coder import ReferenceEncoder
from codec.reference.crf import INTRA_OFFSET, REFERENCE_PRESETS, coarser_crf, reference_crf
from codec.stage_clock import Stage, no_stage
from codec.state.chain import Chain, MotionState, full_flow, make_state, origin, timestamp_of, write_frame
from codec.state.frame_clock import FrameClock
from codec.state.reference_pose import PoseCoder
from codec.state.references import DecodedReference, HeldReference
from codec.units import Floats, Image


class Encoder:
    """Codes the pictures of one call.

    `stage`, if given, is entered around the parts worth timing: "motion", "flow", "reference", "entropy", "generate".
    """

    def __init__(self, config: CodecConfig | None = None, *, stage: Stage = no_stage) -> None:
        self.config = config or CodecConfig()
        self._stage = stage
        self._runtime = Runtime(self.config, graphs=graphs.NAMES)
        self._symbols = SymbolCoder.of(self._runtime.weights.tables)
        self._search = MotionSearch(self._runtime, self._symbols, residual=self.config.residual)
        self._budget = Budget.of(self.config)
        self._qp = self._budget.qp if self._budget else self.config.qp
        self._pictures = ReferenceEncoder(
            size=self.config.size,
            crf=reference_crf(self._qp),
            intra_offset=INTRA_OFFSET,
            preset=REFERENCE_PRESETS[self.config.effort],
        )
        self._poses = PoseCoder(self._symbols, self._runtime.mean_shape)
        self._policy = ReferencePolicy()
        self._reporter = FrameReporter(measure_every=self.config.measure_every)
        self._clock = FrameClock()
        self.report: FrameReport = NOTHING_YET  # of the last picture
        self._number = -1
        self._reference: HeldReference | None = None  # in use
        self._newest: DecodedReference | None = None  # the last one coded
        self._pending: tuple[DecodedReference, int] | None = None  # coded, not yet acknowledged; its bits
        self._state: MotionState | None = None  # of the last frame, and the reference it moves
        self._shown: HeldReference | None = None
        self._in_bundle = 0
        self._keyframe_wanted = True
        self._target: Image = np.zeros((self.config.size, self.config.size, 3), np.uint8)
        self._reconstruction: Image | None = None
        self._base_bits = 0
        self._wanted_bits = 0  # of motion, had there been room

    def encode(self, image_rgb: Image, *, pts: int) -> CodedFrame:
        """uint8 (H, W, 3), square, at pts in 1/90000 s -> its coded frame.

        PictureError when it is no such picture. pts must grow; one that does not is moved on by a tick.
        """
        self._target = self._fit(image_rgb)
        pts = self._clock.advance(pts)
        if self._budget is not None:
            self._budget.advance(pts)
        self._number = (self._number + 1) % NUMBERS
        if self._keyframe_wanted or self._reference is None:
            coded = self._code_keyframe(pts)
        else:
            coded = self._code_motion(self._reference, pts)
        self._reconstruction = None
        self._report(coded, pts)
        return coded

    @property
    def reconstruction(self) -> Image:
        """uint8 (size, size, 3): what the receiver shows for the last picture; computed when first asked for."""
        if self._reconstruction is None:
            with self._stage("generate"):
                flow, occlusion = self.warp
                self._reconstruction = self._runtime.generate(self.shown.prepared, flow=flow, occlusion=occlusion)
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
        assert self._newest is not None, "nothing has been encoded yet"
        return self._newest

    def force_keyframe(self) -> None:
        """The next coded frame is a keyframe, decodable by a receiver that holds nothing."""
        self._keyframe_wanted = True

    def acknowledge(self, reference_id: int) -> None:
        """The receiver holds this reference; with activation "acknowledged" it is used from the next bundle on."""
        if self._pending is not None and self._pending[0].id == reference_id:
            self._use(*self._pending)

    def set_qp(self, qp: int) -> None:
        """A new quality index, from the next bundle on (for references: from the next keyframe on).

        With `kbps`, the budget decides on it again at each bundle.
        """
        self._qp = self.config.with_(qp=qp).qp
        self._pictures.crf = reference_crf(qp)

    def start_bundle(self) -> None:
        """The next frame does not continue a chain."""
        self._in_bundle = 0

    def _fit(self, image_rgb: Image) -> Image:
        if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
            raise PictureError(f"a picture is uint8 (H, W, 3), not {image_rgb.dtype} {image_rgb.shape}")
        height, width = image_rgb.shape[:2]
        if height != width or height < 16:
            raise PictureError(f"a face picture is square and at least 16 wide, not {width}x{height}")
        size = self.config.size
        if height == size:
            return np.ascontiguousarray(image_rgb)
        way = cv2.INTER_AREA if height > size else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(image_rgb, (size, size), interpolation=way), np.uint8)

    def _code_keyframe(self, pts: int) -> CodedFrame:
        reference, bits = self._code_reference(pts, intra=True)
        self._use(self.newest, bits)
        self._keyframe_wanted = False
        return CodedFrame(self._number, reference, self._stand_still(pts))

    def _code_motion(self, held: HeldReference, pts: int) -> CodedFrame:
        with self._stage("motion"):
            _, motion = self._runtime.extract(self._target)
        chained = self._in_bundle > 0 and self._state is not None and self._state.chain is not None
        before = self._state.chain if chained and self._state else None
        if before is None:
            self._plan()
        start = before if before is not None else origin(held, self._symbols.tables, self._qp)
        with self._stage("flow"):
            view = View.of(self._target, points=self._runtime.keypoints(motion, held.canonical))
            found = self._search.find(
                view,
                held,
                before=start,
                chained_base=self._state.base if before is not None and self._state else None,
                motion=motion,
                expected=self._expected(held),
                frames_sharing_cost=(self.config.bundle - self._in_bundle) * self._clock.shown_for,
            )
        symbols, chain = self._write(start, found.chain, chained=before is not None)
        coded = CodedMotion(
            reference_id=held.id,
            chained=before is not None,
            base=found.base,
            qp=None if before is not None or start.qp == held.qp else start.qp,
            timestamp=timestamp_of(pts, number=self._number, reference=held),
            symbols=symbols,
        )
        self._hold(held, chain, base=found.base, pts=pts)
        spent = self._policy.frame(found.psnr_db, bits=8 * len(symbols), qp=self._qp, shown_for=self._clock.shown_for)
        return self._with_reference(coded, pts) if self._grants(spent) else CodedFrame.moved(self._number, coded)

    def _grants(self, spent: bool) -> bool:
        """Whether the next frame may have a new reference; `spent`: the one in use has served its time."""
        if self._pending is not None or self.config.references == "single":
            return False
        return spent if self._budget is None else self._budget.grants(excess_db=self._policy.excess_db)

    def _with_reference(self, moved: CodedMotion, pts: int) -> CodedFrame:
        """The frame with a new reference beside its motion, or, where that is used at once, in place of it."""
        if self.config.activation == "immediate":
            self._plan()
        reference, bits = self._code_reference(pts, intra=False)
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
            motion = chain.motion - start.motion
            symbols, self._base_bits = write_frame(
                self._symbols, Chain(start.qp, motion, chain.residual - start.residual)
            )
            self._wanted_bits = 8 * len(symbols)
            if len(symbols) <= self._room_bytes():
                return symbols, chain
            # A wild picture can ask for more than a message or the budget holds: its residual stays as it was.
            symbols, self._base_bits = write_frame(
                self._symbols, Chain(start.qp, motion, np.zeros_like(start.residual))
            )
            if len(symbols) > self._room_bytes() and chained:
                self._base_bits = 0
                return b"", start  # there is no room for anything: the picture stays
            return symbols, Chain(start.qp, chain.motion, start.residual)

    def _room_bytes(self) -> int:
        """What the motion symbols of a frame may take."""
        return MAX_MOTION_BYTES if self._budget is None else min(MAX_MOTION_BYTES, self._budget.room_bytes())

    def _expected(self, held: HeldReference) -> Floats:
        """Residual coefficients of the last frame, if it moved the same reference."""
        if self._state is not None and self._shown is held:
            return self._state.coefficients
        return np.zeros(COEFFICIENTS, np.float32)

    def _code_reference(self, pts: int, *, intra: bool) -> tuple[CodedReference, int]:
        """Codes the target as a new reference and holds it as the newest; its bits."""
        with self._stage("reference"):
            canonical, motion = self._runtime.extract(self._target)
            before = None if intra else self._newest
            symbols, canonical, motion = self._poses.encode(canonical, motion, newest=before, qp=self._qp)
            picture = self._code_picture(intra=intra)
        name = 0 if self._newest is None else (self._newest.id + 1) % REFERENCE_IDS
        self._newest = DecodedReference(
            id=name,
            number=self._number,
            pts=pts,
            duration=self._clock.duration,
            canonical=canonical,
            qp=self._qp,
            motion=motion,
            picture=self._pictures.reconstruction,
            crf=self._pictures.coded_crf,
        )
        reference = CodedReference(
            id=name,
            intra=intra,
            size=self.config.size,
            pts=pts,
            duration=self._clock.duration,
            qp=self._qp,
            symbols=symbols,
            picture=picture,
            weights_id=self._runtime.weights.identifier if intra else b"",
        )
        return reference, 8 * (len(symbols) + len(picture))

    def _code_picture(self, *, intra: bool) -> bytes:
        picture = self._pictures.encode(self._target, intra=intra)
        if not intra or self._budget is None or 8 * len(picture) <= self._budget.keyframe_bits:
            return picture
        self._pictures.crf = coarser_crf(self._pictures.crf, by=8 * len(picture) / self._budget.keyframe_bits)
        return self._pictures.encode(self._target, intra=True)

    def _use(self, coded: DecodedReference, bits: int) -> None:
        with self._stage("reference"):
            reference = coded.held(self._runtime)
        self._reference, self._pending = reference, None
        target = View.of(self._target, points=self._runtime.keypoints(reference.motion, reference.canonical))
        quality = weighted_psnr(View.of(reference.prepared.picture).colour, target)
        self._policy.begin(bits=bits, psnr_db=quality, qp=self._qp)
        self._in_bundle = 0

    def _stand_still(self, pts: int) -> CodedMotion:
        """A motion half that shows the new reference as it is."""
        reference, self._base_bits = self._reference, 0
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
            self._spend(coded)

    def _spend(self, coded: CodedFrame) -> None:
        assert self._budget is not None
        reference, motion = coded.split()
        motion_bits = 8 * len(bytes(motion)) if motion else 0
        self._budget.spend(
            motion_bits=motion_bits,
            wanted_bits=max(motion_bits, self._wanted_bits),
            reference_bits=8 * len(bytes(reference)) if reference else 0,
            keyframe=coded.is_keyframe,
            chained=bool(coded.motion and coded.motion.chained),
        )
