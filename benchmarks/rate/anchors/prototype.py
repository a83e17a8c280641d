"""Stage 3 to 9, for comparison: a codec of the same kind with nothing learnt in it, the floor for the one that is.

References are pictures of one low-delay AV1 stream (SVT-AV1 at constant quality, tuned in no way), a new one each
second, each in use a quarter of a second after its picture was taken. Between them only motion: DIS optical flow from
each picture to the decoded reference, averaged onto a 16x16 grid, transformed by a DCT, quantised; the decoder turns
the coefficients back into flow, enlarges it bilinearly and samples the reference. No keypoints, no network, no
generator.

Four frames make a bundle: the first one's coefficients are coded as they are, those of the others as the difference to
the frame before as it was decoded. A bundle builds on no other; a new reference begins one.

The motion is not written out but counted. The tables are ideal and static: for every kind of symbol the distribution
that it really has in this very clip, at -log2 p bits a symbol, and the tables themselves are free. Kinds are told apart
by component (x, y), by diagonal of the coefficient (u + v), and by first or later in the bundle. A real coder would
need more. Bytes of a bundle are rounded up. References are counted as they are.
"""

import math
import os
import time
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.clips.clip import Clip, Pictures
from benchmarks.rate.anchors.coded_clip import CodedClip
from codec.bits.packet import pack_reference
from codec.reference.schedules import ordinary_threads
from codec.units import Image
from signaling.transport.costs import MAX_MESSAGE_BYTES, messages_on_wire

Floats = NDArray[np.float32]
Symbols = NDArray[np.int64]  # (2, 16, 16)

GRID = 16
BUNDLE = 4
REFERENCE_EVERY_S = 1.0
REFERENCE_DELAY_S = 0.25
REFERENCE_CRF = 50
REFERENCE_PRESET = 5
ROUND = 1 / 3  # of a step; symbols of less than 2/3 become 0
STEPS = (24.0, 16.0, 10.0)  # of the coefficients, in pixels of a 256x256 picture; the orthonormal DCT gains 16
os.environ.setdefault("SVT_LOG", "0")  # as for the anchors: no banner
_NO_MAP = np.empty(0, np.float32)  # OpenCV's way to say that the first map holds x and y


@dataclass(frozen=True, slots=True)
class Reference:
    """A coded picture: its bytes, what it decodes to, and the frame from which on it is used."""

    data: bytes
    picture: Image
    since: int


@dataclass(frozen=True, slots=True)
class Moved:
    """One frame's motion: its symbols, whether it begins a bundle, and the flow that they decode to."""

    symbols: Symbols
    is_first: bool
    coefficients: Floats


def _open(size: int) -> tuple[av.VideoCodecContext, av.VideoCodecContext]:
    """Encoder and decoder of the references."""
    encoder = av.CodecContext.create("libsvtav1", "w")
    decoder = av.CodecContext.create("libdav1d", "r")
    assert isinstance(encoder, av.VideoCodecContext)
    assert isinstance(decoder, av.VideoCodecContext)
    encoder.width = encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 1), Fraction(1, 1)
    encoder.thread_count = decoder.thread_count = 1
    encoder.options = {
        "preset": str(REFERENCE_PRESET),
        "crf": str(REFERENCE_CRF),
        "svtav1-params": "pred-struct=1:lookahead=0:keyint=-1:scd=0:lp=1",
    }
    decoder.options = {"max_frame_delay": "1"}
    with ordinary_threads():
        encoder.open()
    return encoder, decoder


def references(clip: Clip) -> list[Reference]:
    """The first picture at once, then one each second, used a quarter of a second later."""
    encoder, decoder = _open(clip.pictures.shape[1])
    step, delay = round(REFERENCE_EVERY_S * clip.fps), round(REFERENCE_DELAY_S * clip.fps)
    coded: list[Reference] = []
    for index in range(0, len(clip.pictures), max(1, step)):
        since = index + delay if index else 0
        if since < len(clip.pictures):
            frame = av.VideoFrame.from_ndarray(clip.pictures[index], format="rgb24")
            frame.pts = len(coded)
            (packet,) = encoder.encode(frame)
            (decoded,) = decoder.decode(av.Packet(bytes(packet)))
            picture = np.asarray(decoded.to_ndarray(format="rgb24"), np.uint8)
            coded.append(Reference(bytes(packet), picture, since))
    encoder.encode(None)
    return coded


def in_use(coded: list[Reference], frames: int) -> list[Reference]:
    """The newest reference that has arrived, for each frame."""
    return [max((one for one in coded if one.since <= index), key=lambda one: one.since) for index in range(frames)]


def _grey(picture: Image) -> Image:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def transform(flow: NDArray[Any]) -> Floats:
    """Dense flow -> DCT of its means on the grid. # (S, S, 2) pixels -> (2, 16, 16)"""
    grid = cv2.resize(flow, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return np.stack([cv2.dct(np.ascontiguousarray(grid[..., axis])) for axis in (0, 1)]).astype(np.float32)


def inverse(coefficients: Floats, size: int) -> Floats:
    """DCT on the grid -> flow, bilinear. # (2, 16, 16) -> (size, size, 2)"""
    grid = np.stack([cv2.idct(plane) for plane in coefficients], axis=-1)
    return np.asarray(cv2.resize(grid, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)


def warp(picture: Image, flow: Floats) -> Image:
    """out(x) = picture(x + flow(x)), bilinear, edges go on."""
    size = len(picture)
    places = flow + np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1).astype(np.float32)
    return np.asarray(cv2.remap(picture, places, _NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _quantise(values: Floats, step: float) -> Symbols:
    return (np.sign(values) * np.floor(np.abs(values) / step + ROUND)).astype(np.int64)


def _motion(clip: Clip, used: list[Reference], step: float) -> list[Moved]:
    """Flow of every frame against its reference, in bundles, each difference taken from what the decoder has."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    moved: list[Moved] = []
    place = 0
    for index, picture in enumerate(clip.pictures):
        begins = index == 0 or place == BUNDLE or used[index] is not used[index - 1]
        place = 1 if begins else place + 1
        empty = np.zeros((*picture.shape[:2], 2), np.float32)
        wanted = transform(dis.calc(_grey(picture), _grey(used[index].picture), empty))
        known = np.zeros_like(wanted) if begins else moved[-1].coefficients
        symbols = _quantise(wanted - known, step)
        moved.append(Moved(symbols, begins, (known + step * symbols).astype(np.float32)))
    return moved


def symbol_bits(moved: list[Moved]) -> list[float]:
    """Bits of each frame under the clip's own distributions."""
    diagonal = np.add.outer(np.arange(GRID), np.arange(GRID))
    kinds = np.stack([diagonal, diagonal + 2 * GRID])  # (2, 16, 16), one number for each component and diagonal
    counts: dict[tuple[bool, int], Counter[int]] = {}
    for frame in moved:
        for kind in range(4 * GRID):
            values = frame.symbols[kinds == kind].tolist()
            counts.setdefault((frame.is_first, kind), Counter()).update(values)
    totals = {key: counter.total() for key, counter in counts.items()}

    def cost(frame: Moved) -> float:
        keys = ((frame.is_first, kind) for kind in kinds.ravel().tolist())
        pairs = zip(keys, frame.symbols.ravel().tolist(), strict=True)
        return sum(math.log2(totals[key] / counts[key][value]) for key, value in pairs)

    return [cost(frame) for frame in moved]


def bundle_bytes(moved: list[Moved]) -> list[int]:
    """The size of each message: the bits of its frames, rounded up together."""
    bundles: list[float] = []
    for frame, bits in zip(moved, symbol_bits(moved), strict=True):
        if frame.is_first:
            bundles.append(0.0)
        bundles[-1] += bits
    return [math.ceil(bits / 8) for bits in bundles]


def _decode(moved: list[Moved], used: list[Reference]) -> Pictures:
    size = len(used[0].picture)
    return np.stack(
        [warp(one.picture, inverse(frame.coefficients, size)) for frame, one in zip(moved, used, strict=True)]
    )


def run_prototype(clip: Clip, *, step: float) -> CodedClip:
    """Codes a clip with one quantiser step, in pixels of a 256x256 picture."""
    start = time.perf_counter()
    coded = references(clip)
    used = in_use(coded, len(clip.pictures))
    moved = _motion(clip, used, step * clip.pictures.shape[1] / 256)
    middle = time.perf_counter()
    pictures = _decode(moved, used)
    end = time.perf_counter()
    messages = bundle_bytes(moved)
    cut = [piece for one in coded for piece in pack_reference(one.data, transfer=0, limit=MAX_MESSAGE_BYTES)]
    pieces = [len(bytes(piece)) for piece in cut]
    keyframe = len(coded[0].data)
    return CodedClip(
        pictures=pictures,
        keyframe_bytes=keyframe,
        reference_bytes=sum(len(one.data) for one in coded) - keyframe,
        motion_bytes=sum(messages),
        wire=messages_on_wire([*messages, *pieces]),
        encode_ms=(middle - start) * 1000 / len(moved),
        decode_ms=(end - middle) * 1000 / len(moved),
        first_keyframe_bytes=keyframe,
    )
