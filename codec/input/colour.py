"""Stage 1, input, colour: what a frame's tags, or the lack of them, say of its matrix, its transfer and its primaries.

Code points are those of ITU-T H.273.
"""

from dataclasses import dataclass
from typing import Literal

from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc

__all__ = ["Light", "light_of", "matrix_of"]

Transfer = Literal["sdr", "pq", "hlg"]
Gamut = Literal["bt709", "bt2020", "p3"]

SD_LINES, SD_COLUMNS = 576, 1279  # the most of untagged video that is BT.601; larger is BT.709, as players take it
_UNSPECIFIED = 2
_MATRICES = {
    0: None,  # RGB
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,  # of constant luminance: rare, and near
}
_TRANSFERS: dict[int, Transfer] = {ColorTrc.SMPTE2084: "pq", ColorTrc.ARIB_STD_B67: "hlg"}
_GAMUTS: dict[int, Gamut] = {ColorPrimaries.BT2020: "bt2020", ColorPrimaries.SMPTE432: "p3"}
_HDR_GAMUTS: dict[int, Gamut] = {ColorPrimaries.BT709: "bt709", ColorPrimaries.SMPTE432: "p3"}


@dataclass(frozen=True, slots=True)
class Light:
    """How numbers become light, and the primaries that it is mixed of."""

    transfer: Transfer
    gamut: Gamut


def light_of(frame: VideoFrame) -> Light | None:
    """The light of a frame that is not SDR of BT.709 (or BT.601, whose primaries are as good as the same), else None.

    PQ and HLG without a tag for their primaries have those of BT.2020, which BT.2100 gives them.
    """
    transfer = _TRANSFERS.get(frame.color_trc)
    if transfer is not None:
        return Light(transfer, _HDR_GAMUTS.get(frame.color_primaries, "bt2020"))
    gamut = _GAMUTS.get(frame.color_primaries)
    return None if gamut is None else Light("sdr", gamut)


def matrix_of(frame: VideoFrame) -> Colorspace | None:
    """The matrix that makes RGB of a frame, None where it is RGB.

    Where no tag says it, or one that swscale has no matrix for: that of the transfer and primaries if these are of
    BT.2020, else BT.709 for pictures larger than SD, BT.601 for others.
    """
    if frame.colorspace in _MATRICES:
        return _MATRICES[frame.colorspace]
    if frame.color_trc in _TRANSFERS or frame.color_primaries == ColorPrimaries.BT2020:
        return Colorspace.BT2020
    is_hd = frame.height > SD_LINES or frame.width > SD_COLUMNS
    return Colorspace.ITU709 if is_hd else Colorspace.ITU601
