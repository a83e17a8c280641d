"""Stage 4, motion search: what the encoder sends of a frame's motion, chosen by rate and distortion.

For each frame: is the base layer's warp better than none, how does the picture really move beyond it, and which of the
few ways to code that buys the most decibels for its bits. Distortion is that of the plain warp, which tells the ways
apart at a tenth of the generator's cost; `codec.decisions.attention` weighs it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from codec.bits.quantizer import Symbols, quantize
from codec.bits.symbols import SymbolCoder
from codec.decisions.attention import View, warp_psnr, weighted_psnr
from codec.decisions.lagrangian import DEAD_ZONE, lagrangian
from codec.engines.runtime import Runtime
from codec.motion.flow import FLOW_PICTURE, PICTURE_SIDE, FlowEstimator, remap, shrink, texture, widen
from codec.motion.parameters import FLOW_SIZE
from codec.motion.residual import COEFFICIENTS, inverse, to_grid, transform
from codec.motion.still import held_share, without_still_places
from codec.state.chain import FACE_BIT, STILL_BIT, Chain, base_layer, make_state, motion_steps, residual_step
from codec.state.references import HeldReference
from codec.units import Floats

_FACE_WORTH_DB = 3.0
_TAKEN_OUT = 0.95  # of what flow matters where it is taken out again
_LOW_DIAGONALS = (4, 8)  # cheaper versions of a residual that are tried: its lowest frequencies alone


@dataclass(frozen=True, slots=True)
class Found:
    """The choice for one frame: its integers, whether the base layer is on, and how good its plain warp is."""

    chain: Chain
    base: bool
    psnr_db: float


class MotionSearch:
    """Finds the motion of a driving picture against one reference at a time."""

    def __init__(self, runtime: Runtime, symbols: SymbolCoder) -> None:
        self._runtime = runtime
        self._symbols = symbols
        self._flow = FlowEstimator()
        self._seen: tuple[HeldReference, View] | None = None

    def find(
        self,
        driving: View,
        reference: HeldReference,
        *,
        before: Chain,
        chained_base: bool | None,
        motion: Callable[[], Floats],
        face: Symbols,
        expected: Floats,
        residual: bool,
        frames_sharing_cost: float,
    ) -> Found:
        """`before` is what the frame is coded against; `chained_base` the base switch of its bundle, None at the start.

        motion() (MOTION_NUMBERS,) is what the extractor sees in the driving picture, `face` the integers of its face
        numbers; `expected` the residual coefficients of the frame before on the same reference, where optical flow
        starts to look, if there is to be a `residual`. `frames_sharing_cost` counts the
        frames, of usual duration, that lean on what this one codes: itself and the rest of its bundle.
        """
        source = self._view(reference)
        chain, base, base_flow = self._base_layer(
            driving, source, reference, before=before, chained_base=chained_base, motion=motion, face=face
        )
        still = self._held(driving, source, reference, base_flow, chain=chain, before=before, chained_base=chained_base)
        if still is not None:
            chain = replace(chain, windows=chain.windows | STILL_BIT)
        worth = lagrangian(before.qp) / frames_sharing_cost
        options = [before.residual]
        if before.residual.any():
            options.append(np.zeros(COEFFICIENTS, np.int32))
        if residual:
            start = base_flow + inverse(expected)
            # Once a bundle, in case it has lost the track.
            if chained_base is None and _grey_error(driving, source, base_flow) < _grey_error(driving, source, start):
                start = base_flow
            options += self._versions(self._wanted(driving, source, base_flow, start=start, still=still), before)
        chosen, psnr_db = self._choose(options, driving, source, base_flow, still=still, before=before, worth=worth)
        return Found(replace(chain, residual=chosen), base, psnr_db)

    def _base_layer(
        self,
        driving: View,
        source: View,
        reference: HeldReference,
        *,
        before: Chain,
        chained_base: bool | None,
        motion: Callable[[], Floats],
        face: Symbols,
    ) -> tuple[Chain, bool, Floats]:
        """How the base layer moves, whether its warp helps, and its flow: by the face, or by keypoints, or not at all.

        That is chosen where a bundle begins. Keypoints are looked at where there is no face to move it or the face does
        not help, and must then be clearly better, since eyes and mouth can be drawn only from face numbers.
        """

        def way(bits: int) -> tuple[Chain, Floats]:
            told = replace(before, face=face, windows=bits) if bits else self._by_keypoints(before, motion())
            return told, self._flow_of(told, reference)

        by_face = 0 if reference.face is None else FACE_BIT
        if chained_base is not None:
            chain, flow = way(before.windows & by_face)
            return (chain, True, flow) if chained_base else _resting(chain, before, flow)
        chain, flow = way(by_face)
        quality = warp_psnr(driving, source, flow)
        helps = _base_helps(quality, driving, source)
        if not helps and chain.windows:
            other, other_flow = way(0)
            other_quality = warp_psnr(driving, source, other_flow)
            if other_quality > quality + _FACE_WORTH_DB:
                chain, flow, helps = other, other_flow, _base_helps(other_quality, driving, source)
        return (chain, True, flow) if helps else _resting(chain, before, flow)

    def _by_keypoints(self, before: Chain, motion: Floats) -> Chain:
        step = motion_steps(self._symbols.tables, before.qp)
        symbols = quantize(motion, step=step, prediction=before.motion, dead_zone=DEAD_ZONE)
        return replace(before, motion=symbols, windows=0)

    def _flow_of(self, chain: Chain, reference: HeldReference) -> Floats:
        state = make_state(chain, self._symbols.tables, reference=reference, number=0, pts=0, base=True)
        flow, _ = base_layer(self._runtime, reference, state)
        return flow

    def _view(self, reference: HeldReference) -> View:
        """The reference as the search sees it, made once for each."""
        if self._seen is None or self._seen[0] is not reference:
            self._seen = (reference, View.of(reference.prepared.picture))
        return self._seen[1]

    def _held(
        self,
        driving: View,
        source: View,
        reference: HeldReference,
        base_flow: Floats,
        *,
        chain: Chain,
        before: Chain,
        chained_base: bool | None,
    ) -> Floats | None:
        """How still each place (64, 64) is, where it helps not to move still places; that is chosen with the base."""
        if reference.still is None or not chain.windows:
            return None
        if chained_base is not None:
            return reference.still if before.windows & STILL_BIT else None
        held = without_still_places(base_flow, reference.still)
        better = warp_psnr(driving, source, held) > warp_psnr(driving, source, base_flow)
        return reference.still if better else None

    def _wanted(self, driving: View, source: View, base_flow: Floats, *, start: Floats, still: Floats | None) -> Floats:
        """The residual coefficients that optical flow asks for, looked for from a flow (64, 64, 2) on."""
        small = shrink(driving.grey)
        flow = self._flow.measure(source.grey, small, start=start)
        matters = texture(small)
        if still is not None:
            matters = matters * (1 - _TAKEN_OUT * _held_pixels(flow, still))
        return transform(to_grid(flow - widen(base_flow, FLOW_PICTURE), matters))

    def _versions(self, wanted: Floats, before: Chain) -> list[Symbols]:
        """The wanted coefficients as integers: all of them, and their lowest frequencies alone."""
        step = residual_step(self._symbols.tables, before.qp)
        symbols = quantize(wanted, step=step, prediction=before.residual, dead_zone=DEAD_ZONE)
        return [symbols] + [_keep_low(symbols, before.residual, diagonals) for diagonals in _LOW_DIAGONALS]

    def _choose(
        self,
        options: list[Symbols],
        driving: View,
        source: View,
        base_flow: Floats,
        *,
        still: Floats | None,
        before: Chain,
        worth: float,
    ) -> tuple[Symbols, float]:
        """The option with the least -PSNR + worth x bits, and the PSNR of its plain warp."""
        step = residual_step(self._symbols.tables, before.qp)
        options = list({symbols.tobytes(): symbols for symbols in options}.values())
        best, best_cost, best_psnr = options[0], np.inf, 0.0
        bits = self._symbols.residual_bits(np.stack(options) - before.residual)
        for symbols, spent in zip(options, bits, strict=True):
            flow = base_flow + inverse(symbols * step) if symbols.any() else base_flow
            psnr_db = warp_psnr(driving, source, without_still_places(flow, still))
            cost = worth * spent - psnr_db
            if cost < best_cost:
                best, best_cost, best_psnr = symbols, cost, psnr_db
        return best, best_psnr


def _held_pixels(flow: Floats, still: Floats) -> Floats:
    """Of a flow (128, 128, 2), how much of each pixel's is taken out again (128, 128)."""
    small = np.asarray(cv2.resize(flow, (FLOW_SIZE, FLOW_SIZE), interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(cv2.resize(held_share(small, still), flow.shape[:2], interpolation=cv2.INTER_LINEAR), np.float32)


def _resting(chain: Chain, before: Chain, flow: Floats) -> tuple[Chain, bool, Floats]:
    """Without the base layer: face numbers are coded all the same, for the windows; keypoints are not."""
    return (chain if chain.windows else replace(chain, motion=before.motion)), False, np.zeros_like(flow)


def _base_helps(psnr_db: float, driving: View, source: View) -> bool:
    """Whether the base layer's plain warp is better than none, or as good."""
    return psnr_db > weighted_psnr(source.colour, driving) - 0.1


def _grey_error(driving: View, source: View, flow: Floats) -> float:
    """Sum of absolute errors of the plain warp, attention or not: optical flow looks at all of the picture."""
    return float(cv2.norm(remap(source.grey, widen(flow, PICTURE_SIDE)), driving.grey, cv2.NORM_L1))


def _keep_low(symbols: Symbols, otherwise: Symbols, diagonals: int) -> Symbols:
    u, v = np.indices(COEFFICIENTS[1:])
    return np.where(u + v < diagonals, symbols, otherwise).astype(np.int32)
