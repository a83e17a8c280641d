"""Stage 10, display (as judged): XPSNR, PSNR weighted by what is seen, as FFmpeg's filter of that name measures it.

Helmrich et al., "XPSNR: A Low-Complexity Extension of the Perceptually Weighted Peak Signal-to-Noise Ratio for
High-Resolution Video Quality Assessment", ICASSP 2020. Errors weigh less where the original is busy or moves. The
filter works on YUV 4:2:0, takes the original as its first input, and gives a number for each plane of each picture;
these are put together as (4 Y + U + V) / 6.
"""

from collections.abc import Iterator
from fractions import Fraction

import av
import av.filter
import numpy as np
from numpy.typing import NDArray

from benchmarks.clips.clip import Pictures
from codec.pictures.psnr import EQUAL_DB

PLANES = {"y": 4 / 6, "u": 1 / 6, "v": 1 / 6}
_CLOCK = Fraction(1, 25)  # the filter asks; below 32 pictures a second it does not use it


def has_xpsnr() -> bool:
    """Whether the FFmpeg of this PyAV has the filter, as all from 7.1 on have."""
    return "xpsnr" in av.filter.filters_available


def _frame(picture: NDArray[np.uint8], pts: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
    frame.pts, frame.time_base = pts, _CLOCK
    return frame


def _measured(original: Pictures, decoded: Pictures) -> Iterator[dict[str, str]]:
    """What the filter says of each picture."""
    graph = av.filter.Graph()
    height, width = original.shape[1:3]
    pixels = av.VideoFormat("yuv420p", width, height)
    inputs = [graph.add_buffer(width=width, height=height, format=pixels, time_base=_CLOCK) for _ in range(2)]
    metric, sink = graph.add("xpsnr"), graph.add("buffersink")
    for index, source in enumerate(inputs):
        source.link_to(metric, 0, index)
    metric.link_to(sink)
    graph.configure()
    for pts, pictures in enumerate(zip(original, decoded, strict=True)):
        for source, picture in zip(inputs, pictures, strict=True):
            source.push(_frame(picture, pts))
        yield dict(sink.pull().metadata)


def xpsnr_of_each(original: Pictures, decoded: Pictures) -> NDArray[np.float64]:
    """XPSNR in dB of each picture, which must be in order; equal planes have 100. # (T, S, S, 3) uint8 twice -> (T,)"""
    told = list(_measured(original, decoded))
    planes = {name: [float(picture[f"lavfi.xpsnr.xpsnr.{name}"]) for picture in told] for name in PLANES}
    weighted = [weight * np.minimum(planes[name], EQUAL_DB) for name, weight in PLANES.items()]
    return np.asarray(np.sum(weighted, axis=0), np.float64)
