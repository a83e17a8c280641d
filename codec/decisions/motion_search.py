"""Stage 4, motion search: what the encoder sends of a frame's motion, chosen by rate and distortion.

For each frame: is the base layer's warp better than none, how does the picture really move beyond it, and which of the
few ways to code that buys the most decibels for its bits. Distortion is that of the plain warp, which tells the ways
apart at a tenth of the generator's cost. Errors count more on the face, most at eyes and mouth, where people look: a
plain mean would rather spend its bits on wallpaper.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from codec.bits.quantizer import Symbols, quantize
from codec.bits.symbols import SymbolCoder
from codec.decisions.reference_policy import lagrangian
from codec.engines.runtime import Runtime
from codec.motion.parameters import FEATURE_POINTS
from codec.motion.residual import (
    COEFFICIENTS,
    FLOW_PICTURE,
    PICTURE_SIDE,
    FlowEstimator,
    inverse,
    remap,
    shrink,
    texture,
    to_grid,
    transform,
    widen,
)
from codec.state.chain import Chain, HeldReference, motion_steps, origin, residual_step

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

_DEAD_ZONE = 0.2  # steps beyond the half at which a number leaves its prediction
_ATTENTION_SIZE = 64
_FACE_WEIGHT, _FEATURE_WEIGHT = 2.0, 6.0
_LOW_DIAGONALS = (4, 8)  # cheaper versions of a residual that are tried: its lowest frequencies alone


@dataclass(frozen=True, slots=True)
class View:
    """A picture as the search sees it: RGB and grey at 256x256, whatever the size of the call, and what matters in it.

    attention (256, 256) has mean 1.
    """

    colour: Bytes
    grey: Bytes
    attention: Floats

    @classmethod
    def of(cls, picture: Bytes, *, points: Floats | None = None) -> "View":
        """points (K, 3) are the keypoints in it; without them all of it matters alike."""
        if picture.shape[0] != PICTURE_SIDE:
            small = cv2.resize(picture, (PICTURE_SIDE, PICTURE_SIDE), interpolation=cv2.INTER_AREA)
            picture = np.asarray(small, np.uint8)
        picture = np.ascontiguousarray(picture)
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        return cls(picture, grey, np.ones(grey.shape, np.float32) if points is None else attention(points))


@dataclass(frozen=True, slots=True)
class Found:
    """The choice for one frame: its integers, whether the base layer is on, and how good its plain warp is."""

    chain: Chain
    base: bool
    psnr_db: float


class MotionSearch:
    """Finds the motion of a driving picture against one reference at a time."""

    def __init__(self, runtime: Runtime, symbols: SymbolCoder, *, residual: bool) -> None:
        self._runtime = runtime
        self._symbols = symbols
        self._residual = residual
        self._flow = FlowEstimator()
        self._seen: tuple[HeldReference, View] | None = None

    def find(
        self,
        driving: View,
        reference: HeldReference,
        *,
        before: Chain,
        chained_base: bool | None,
        motion: Floats,
        expected: Floats,
        shared_by: float,
    ) -> Found:
        """`before` is what the frame is coded against; `chained_base` the base switch of its bundle, None at the start.

        motion (MOTION_NUMBERS,) is what the extractor saw in the driving picture; `expected` the residual coefficients
        of the frame before on the same reference, where optical flow starts to look. `shared_by` counts the frames,
        of usual duration, that lean on what this one codes: itself and the rest of its bundle.
        """
        source, tables = self._view(reference), self._symbols.tables
        step = motion_steps(tables, before.qp)
        motion_symbols = quantize(motion, step=step, prediction=before.motion, dead_zone=_DEAD_ZONE)
        moved = reference.motion + (motion_symbols - origin(reference, tables, before.qp).motion) * step
        base_flow, _ = self._runtime.base_flow(reference.prepared, driving_motion=moved.astype(np.float32))
        base = chained_base if chained_base is not None else _base_helps(driving, source, base_flow)
        if not base:
            base_flow, motion_symbols = np.zeros_like(base_flow), before.motion
        worth = lagrangian(before.qp) / shared_by
        options = [before.residual]
        if before.residual.any():
            options.append(np.zeros(COEFFICIENTS, np.int32))
        if self._residual:
            start = base_flow + inverse(expected)
            # Once a bundle, in case it has lost the track.
            if chained_base is None and _grey_error(driving, source, base_flow) < _grey_error(driving, source, start):
                start = base_flow
            options += self._versions(self._wanted(driving, source, base_flow, start=start), before)
        residual, psnr_db = self._choose(options, driving, source, base_flow, before=before, worth=worth)
        return Found(Chain(before.qp, motion_symbols, residual), base, psnr_db)

    def _view(self, reference: HeldReference) -> View:
        """The reference as the search sees it, made once for each."""
        if self._seen is None or self._seen[0] is not reference:
            self._seen = (reference, View.of(reference.prepared.picture))
        return self._seen[1]

    def _wanted(self, driving: View, source: View, base_flow: Floats, *, start: Floats) -> Floats:
        """The residual coefficients that optical flow asks for, looked for from a flow (64, 64, 2) on."""
        small = shrink(driving.grey)
        flow = self._flow.measure(source.grey, small, start=start)
        return transform(to_grid(flow - widen(base_flow, FLOW_PICTURE), texture(small)))

    def _versions(self, wanted: Floats, before: Chain) -> list[Symbols]:
        """The wanted coefficients as integers: all of them, and their lowest frequencies alone."""
        step = residual_step(self._symbols.tables, before.qp)
        symbols = quantize(wanted, step=step, prediction=before.residual, dead_zone=_DEAD_ZONE)
        return [symbols] + [_keep_low(symbols, before.residual, diagonals) for diagonals in _LOW_DIAGONALS]

    def _choose(
        self, options: list[Symbols], driving: View, source: View, base_flow: Floats, *, before: Chain, worth: float
    ) -> tuple[Symbols, float]:
        """The option with the least -PSNR + worth x bits, and the PSNR of its plain warp."""
        step = residual_step(self._symbols.tables, before.qp)
        options = list({symbols.tobytes(): symbols for symbols in options}.values())
        best, best_cost, best_psnr = options[0], np.inf, 0.0
        bits = self._symbols.residual_bits(np.stack(options) - before.residual)
        for symbols, spent in zip(options, bits, strict=True):
            flow = base_flow + inverse(symbols * step) if symbols.any() else base_flow
            psnr_db = warp_psnr(driving, source, flow)
            cost = worth * spent - psnr_db
            if cost < best_cost:
                best, best_cost, best_psnr = symbols, cost, psnr_db
        return best, best_psnr


def _base_helps(driving: View, source: View, flow: Floats) -> bool:
    return warp_psnr(driving, source, flow) > weighted_psnr(source.colour, driving) - 0.1


def _grey_error(driving: View, source: View, flow: Floats) -> float:
    """Sum of absolute errors of the plain warp, attention or not: optical flow looks at all of the picture."""
    return float(cv2.norm(remap(source.grey, widen(flow, PICTURE_SIDE)), driving.grey, cv2.NORM_L1))


def warp_psnr(driving: View, source: View, flow: Floats) -> float:
    """Attention-weighted PSNR in dB, over RGB, of the plain warp by a flow (64, 64, 2)."""
    return weighted_psnr(np.asarray(remap(source.colour, widen(flow, PICTURE_SIDE)), np.uint8), driving)


def weighted_psnr(picture: Bytes, target: View) -> float:
    """PSNR in dB of a picture (S, S, 3), errors weighted by the target's attention; at most 100."""
    error = cv2.absdiff(picture, target.colour)
    squares = cv2.multiply(error, error, dtype=cv2.CV_32F)
    mean = float((target.attention.reshape(-1) @ squares.reshape(-1, 3)).sum()) / error.size
    return min(100.0, 10 * float(np.log10(255.0**2 / (mean + 1e-9))))


def attention(points: Floats) -> Floats:
    """Weights (256, 256) of mean 1 from keypoints (K, 3): the face above the background, eyes and mouth above it."""
    centres = (np.arange(_ATTENTION_SIZE, dtype=np.float32) * 2 + 1) / _ATTENTION_SIZE - 1

    def bumps(points: Floats, width: float) -> Floats:  # (n, 3) -> (n, 64, 64)
        across, down = (np.exp(-(((centres - points[:, axis, None]) / width) ** 2)) for axis in (0, 1))
        return np.asarray(down[:, :, None] * across[:, None], np.float32)

    points = points[:FEATURE_POINTS]
    middle, reach = points.mean(0, keepdims=True), float(points[:, :2].std()) + 0.05
    field = 1 + _FACE_WEIGHT * bumps(middle, 2 * reach)[0]
    field += _FEATURE_WEIGHT * bumps(points, 0.3 * reach).max(0)
    wide = cv2.resize(field / field.mean(), (PICTURE_SIDE, PICTURE_SIDE), interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide, np.float32)


def psnr(a: Bytes, b: Bytes) -> float:
    """PSNR in dB of 8-bit pictures; 100 for equal ones."""
    return float(cv2.PSNR(a, b)) if (a != b).any() else 100.0


def _keep_low(symbols: Symbols, otherwise: Symbols, diagonals: int) -> Symbols:
    u, v = np.indices(COEFFICIENTS[1:])
    return np.where(u + v < diagonals, symbols, otherwise).astype(np.int32)
