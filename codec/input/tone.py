"""Stage 1, input, tone: HDR and wide gamuts -> SDR of BT.709, by a table over R'G'B' that is made once.

PQ and HLG are decoded as ITU-R BT.2100 says, to light in cd/m2. Diffuse white is 203 cd/m2 (BT.2408) and becomes SDR's
white; what is brighter, up to 1000 cd/m2, is rolled off by the curve of BT.2390 (Hermite spline on the PQ scale) on the
largest of R, G and B, so that hues stay. What is darker than 92 cd/m2, faces in ordinary light among it, stays as it
is. Then the primaries become those of BT.709 (colours outside are clipped) and light numbers, for a display of BT.1886.
"""

from fractions import Fraction
from functools import lru_cache

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from codec.errors import MediaError
from codec.input.colour import Light
from codec.units import Image

__all__ = ["ToneMapper", "tone_table"]

Reals = npt.NDArray[np.float64]

WHITE = 203.0  # cd/m2, SDR's white (BT.2408)
PEAK = 1000.0  # cd/m2, the brightest that is told apart
GAMMA = 2.4  # of a display of BT.1886
_LEVEL = 8  # of the Hald table: 64 nodes an axis
_NODES = _LEVEL * _LEVEL
_TICK = Fraction(1, 25)
_FORMAT = VideoFormat("rgb48le")

# CIE 1931 chromaticities of red, green and blue (BT.709, BT.2020, SMPTE RP 432); the white of all is D65.
_PRIMARIES = {
    "bt709": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_D65 = (0.3127, 0.3290)
_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128  # of PQ


class ToneMapper:
    """Maps the pictures of one source through a table, by FFmpeg's tetrahedral interpolation (`haldclut`).

    The filter, its threads and its table are made for the first picture, and again when the size changes.
    """

    def __init__(self, light: Light) -> None:
        self.light = light
        self._graph: Graph | None = None
        self._source: FilterContext | None = None
        self._sink: FilterContext | None = None
        self._shape = (0, 0)
        self._count = 0

    def map(self, frame: VideoFrame) -> Image:
        """A frame in rgb48le, of this light, whose time is overwritten -> uint8 (H, W, 3). Raises MediaError."""
        try:
            if self._shape != (frame.height, frame.width):
                self._make(frame.height, frame.width)
            assert self._source is not None
            assert self._sink is not None
            self._count += 1
            frame.pts, frame.time_base = self._count, _TICK
            self._source.push(frame)
            mapped = self._sink.pull()
        except av.FFmpegError as error:
            raise MediaError(f"an HDR picture cannot be mapped: {error.strerror}") from error
        assert isinstance(mapped, VideoFrame)
        return np.asarray(cv2.convertScaleAbs(mapped.to_ndarray(), alpha=255 / 65535), np.uint8)

    def _make(self, height: int, width: int) -> None:
        graph = Graph()
        table = tone_table(self.light)
        side = table.shape[0]
        source = graph.add_buffer(width=width, height=height, format=_FORMAT, time_base=_TICK)
        tables = graph.add_buffer(width=side, height=side, format=_FORMAT, time_base=_TICK)
        mapping = graph.add("haldclut", "interp=tetrahedral:clut=first")
        sink = graph.add("buffersink")
        source.link_to(mapping, 0, 0)
        tables.link_to(mapping, 0, 1)
        mapping.link_to(sink)
        graph.configure()
        frame = VideoFrame.from_ndarray(table, format=_FORMAT.name)
        frame.pts, frame.time_base = 0, _TICK
        tables.push(frame)
        tables.push(None)
        self._graph, self._source, self._sink = graph, source, sink
        self._shape, self._count = (height, width), 0


@lru_cache(maxsize=4)
def tone_table(light: Light) -> npt.NDArray[np.uint16]:
    """The Hald table, uint16 (512, 512, 3): R'G'B' of `light` on 64 nodes an axis, red fastest -> R'G'B' of SDR."""
    axis = np.linspace(0.0, 1.0, _NODES)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    mapped = sdr_of(np.stack([red, green, blue], axis=-1).reshape(-1, 3), light)
    side = _LEVEL**3
    table = np.rint(mapped * 65535).astype(np.uint16).reshape(side, side, 3)
    table.flags.writeable = False
    return table


def sdr_of(signal: Reals, light: Light) -> Reals:
    """R'G'B' (N, 3) in 0..1 of `light` -> R'G'B' (N, 3) in 0..1 of BT.709 for a display of BT.1886."""
    linear = _rolled_off(_light(signal, light)) / WHITE
    linear = linear @ (np.linalg.inv(_to_xyz("bt709")) @ _to_xyz(light.gamut)).T
    return np.asarray(np.clip(linear, 0.0, 1.0) ** (1 / GAMMA), np.float64)


def _light(signal: Reals, light: Light) -> Reals:
    """Light in cd/m2 of R'G'B' (N, 3)."""
    if light.transfer == "pq":
        return np.minimum(pq_to_light(signal), PEAK)
    if light.transfer == "hlg":
        a = 0.17883277
        b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
        return np.asarray(PEAK * scene * np.maximum(luminance, 1e-9)[:, None] ** 0.2, np.float64)
    return np.asarray(WHITE * signal**GAMMA, np.float64)


def _rolled_off(linear: Reals) -> Reals:
    """Light up to `PEAK` -> light up to `WHITE` (ITU-R BT.2390-11, 5.4); SDR, which never exceeds it, as it is."""
    largest = linear.max(axis=1)
    if largest.max() <= WHITE * (1 + 1e-9):
        return linear
    top = light_to_pq(np.array(PEAK))
    most = light_to_pq(np.array(WHITE)) / top
    knee = 1.5 * most - 0.5
    given = light_to_pq(largest) / top
    t = np.clip((given - knee) / (1 - knee), 0.0, 1.0)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    shown = pq_to_light(np.where(given < knee, given, spline) * top)
    return np.asarray(linear * (shown / np.maximum(largest, 1e-9))[:, None], np.float64)


def pq_to_light(signal: Reals) -> Reals:
    """SMPTE ST 2084: 0..1 -> cd/m2."""
    power = np.asarray(signal, np.float64) ** (1 / _M2)
    return np.asarray(10_000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1), np.float64)


def light_to_pq(light: Reals) -> Reals:
    """SMPTE ST 2084: cd/m2 -> 0..1."""
    power = (np.maximum(light, 0) / 10_000) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2, np.float64)


def _to_xyz(gamut: str) -> Reals:
    """(3, 3): linear RGB to CIE XYZ, white of luminance 1."""
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in _PRIMARIES[gamut]]).T
    x, y = _D65
    return np.asarray(columns * np.linalg.solve(columns, np.array([x / y, 1.0, (1 - x - y) / y])), np.float64)
