"""Stage 8, decode: CodedFrame -> picture; the mirror of encoder.py."""

import numpy as np

from codec.bits.bitstream import CHAINED_NUMBERS, NUMBERS, REFERENCE_IDS, CodedFrame, CodedMotion, CodedReference
from codec.config import CodecConfig
from codec.engines.runtime import Runtime
from codec.errors import BitstreamError, ReferenceMissing, VersionError
from codec.graphs import files as graphs
from codec.reference.coder import ReferenceDecoder
from codec.stage_clock import Stage, no_stage
from codec.state.chain import Chain, MotionState, advance, make_state, origin, pts_of, read_frame
from codec.state.reference_facts import FactsCoder
from codec.state.references import DecodedReference, HeldReference, References
from codec.state.show import WHOLE, Rendering, show
from codec.units import Image


class Decoder:
    """Holds references and the chain of one stream. Every error leaves it usable.

    `stage`, if given, is entered around the parts worth timing: "reference", "entropy", "generate".
    """

    def __init__(self, config: CodecConfig | None = None, *, stage: Stage = no_stage) -> None:
        self.config = config or CodecConfig()
        self._stage = stage
        self._runtime = Runtime(self.config, graphs=graphs.DECODING)
        self._symbols = self._runtime.weights.symbols
        self._facts = FactsCoder(self._symbols, self._runtime.mean_shape)
        self._pictures = ReferenceDecoder(size=self.config.size)
        self._references = References()
        self._newest: HeldReference | None = None
        self._last: MotionState | None = None

    @property
    def references(self) -> tuple[int, ...]:
        """The ids of the references held, oldest first."""
        return self._references.ids

    def decode(self, coded: CodedFrame) -> Image:
        """A coded frame -> uint8 (size, size, 3).

        Raises ReferenceMissing when its reference, or the frame its chain builds on, is not held, BitstreamError when
        it is malformed. A frame with a reference half alone shows that reference as it is.
        """
        if coded.reference is not None:
            self.add_reference(coded)
        if coded.motion is None:
            held = self._references.get(coded.reference.id) if coded.reference else None
            assert held is not None, "a coded frame has at least one half"
            return held.prepared.picture
        return self.render(self.read(coded))

    def add_reference(self, coded: CodedFrame) -> int:
        """Stores the reference half; its id. Inter-coded references must come in order."""
        reference = coded.reference
        if reference is None:
            raise BitstreamError("this coded frame holds no reference")
        self._check(reference)
        with self._stage("reference"):
            facts = self._facts.decode(reference, number=coded.number, newest=self._newest)
            picture = self._pictures.decode(reference.picture, intra=reference.intra)
            decoded = DecodedReference.of(facts, picture=picture, crf=self._pictures.crf, intra=reference.intra)
            held = decoded.held(self._runtime, after=self._newest)
        self._references.add(held)
        self._newest = held
        return reference.id

    def read(self, coded: CodedFrame) -> MotionState:
        """Decodes the motion half; cheap."""
        motion = coded.motion
        if motion is None:
            raise BitstreamError("this coded frame holds no motion")
        reference = self._references.get(motion.reference_id)
        if reference is None:
            raise ReferenceMissing(f"reference {motion.reference_id} is not held")
        tables = self._symbols.tables
        chain, number = self._start(coded.number, motion, reference)
        with self._stage("entropy"):
            difference = read_frame(self._symbols, motion.symbols, qp=chain.qp, windows=chain.windows)
        chain = advance(chain, difference)
        near = self._last.pts if self._last else reference.pts
        pts = pts_of(motion, number=number, reference=reference, near=near)
        state = make_state(chain, tables, reference=reference, number=number, pts=pts, base=motion.base)
        self._last = state
        return state

    def render(self, state: MotionState, *, rendering: Rendering = WHOLE) -> Image:
        """Warps and generates: uint8 (size, size, 3). The expensive part.

        With less than the whole `rendering` it is not what the encoder takes the receiver to show; nothing is built on
        that. A field that is not refined has no edges (.1 to .2 dB less, a sixth of the time); what is not generated is
        the warped reference with mouth and eyes drawn in (as many dB, more LPIPS, a third of the time).
        """
        reference = self._references.get(state.reference_id)
        if reference is None:
            raise ReferenceMissing(f"reference {state.reference_id} is no longer held")
        with self._stage("generate"):
            return show(self._runtime, reference, state, rendering=rendering)

    def mix(self, a: MotionState, b: MotionState, fraction: float) -> MotionState:
        """A state between two, for concealment: a at 0, b at 1. Across references it is the nearer of the two."""
        if a.reference_id != b.reference_id or a.base != b.base:
            return a if fraction < 0.5 else b
        rest = 1 - fraction
        return MotionState(
            pts=round(a.pts * rest + b.pts * fraction),
            number=a.number,
            reference_id=a.reference_id,
            base=a.base,
            motion=(a.motion * rest + b.motion * fraction).astype(np.float32),
            coefficients=(a.coefficients * rest + b.coefficients * fraction).astype(np.float32),
            face=(a.face * rest + b.face * fraction).astype(np.float32),
            windows=(a if fraction < 0.5 else b).windows,
            chain=None,
        )

    def _check(self, reference: CodedReference) -> None:
        opening, newest = reference.opening, self._newest
        if opening is not None:
            theirs, ours = opening.size, self.config.size
            if theirs != ours:
                raise BitstreamError(f"the stream is {theirs}x{theirs}, not {ours}x{ours}; both ends need one size")
            held = self._runtime.weights.identifier
            if opening.weights_id != held:
                raise VersionError(f"the stream needs weights {opening.weights_id.hex()}; these are {held.hex()}")
        elif newest is None or reference.id != (newest.id + 1) % REFERENCE_IDS:
            raise ReferenceMissing(f"reference {reference.id} builds on one that is not held")

    def _start(self, number: int, motion: CodedMotion, reference: HeldReference) -> tuple[Chain, int]:
        """What the frame's differences are added to, and its number modulo NUMBERS."""
        if not motion.chained:
            qp = reference.qp if motion.qp is None else motion.qp
            return origin(reference, self._symbols.tables, qp), number
        last = self._last
        if (
            last is None
            or last.chain is None
            or last.reference_id != motion.reference_id
            or last.base != motion.base
            or (last.number + 1 - number) % CHAINED_NUMBERS
        ):
            raise ReferenceMissing(f"frame {number} continues a bundle whose earlier frame is not held")
        return last.chain, (last.number + 1) % NUMBERS
