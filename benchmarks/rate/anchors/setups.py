"""Stage 4 and 8, for comparison: the ordinary video codecs at constant quality, set up as a call would run them.

One keyframe, no B-frames, no lookahead, one thread: every picture leaves the encoder before the next one enters, which
`encoder.py` checks. Quality is constant, since under a controller of the bitrate the same encoders need at these rates
a quarter to twice more bits for the same PSNR. The settings of each go from about 30 kbps at 256x256 down to its
coarsest quantiser; for what lies below, it is also given every second picture, or pictures of half the side.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import av
import av.codec

from benchmarks.errors import SettingError

os.environ.setdefault("SVT_LOG", "0")  # SVT-AV1 prints its banner otherwise; it reads this when first opened

Way = Literal["full", "half rate", "half size"]  # all pictures as they are, every second one, those of half the side
Ladder = Mapping[Way, tuple[int, ...]]  # constant-quality settings, finest first


@dataclass(frozen=True, slots=True)
class Sharp:
    """Other options, which gain in LPIPS what they lose in PSNR, and where they are tried."""

    options: Mapping[str, str]
    ladders: Mapping[int, Ladder]


@dataclass(frozen=True, slots=True)
class Anchor:
    """One codec's low-delay set-up. `{crf}` in an option is replaced by the setting."""

    label: str
    encoder: str
    decoder: str
    options: Mapping[str, str]
    ladders: Mapping[int, Ladder]  # by the side of the pictures
    sharp: Sharp | None = None

    def tuned(self, *, sharp: bool) -> "Anchor":
        """With the options that are used."""
        return replace(self, options=self.sharp.options) if sharp and self.sharp is not None else self


@dataclass(frozen=True, slots=True)
class AnchorPoint:
    """One codec at one quality, on pictures given one way."""

    anchor: str
    crf: int
    way: Way = "full"
    sharp: bool = False

    def setting(self, size: int) -> str:
        """As rows name it, for pictures of this side. What follows a comma is the way."""
        shown = {"full": "", "half rate": ", half rate", "half size": f", {size // 2}x{size // 2}"}
        return f"crf {self.crf}{shown[self.way]}{', sharp' if self.sharp else ''}"


def _svtav1(preset: int) -> Anchor:
    """The setting stands among the library's own parameters: FFmpeg's ends at 63, the library's at 70."""
    parameters = "crf={crf}:pred-struct=1:lookahead=0:keyint=-1:scd=0:enable-restoration=0"
    plain, sharp = (
        {"preset": str(preset), "svtav1-params": f"{parameters}{more}:lp=1"} for more in ("", ":sharpness=7")
    )
    return Anchor(
        label=f"SVT-AV1 p{preset} low-delay",
        encoder="libsvtav1",
        decoder="libdav1d",
        options=plain,
        ladders={
            256: {"full": (50, 54, 57, 60), "half rate": (54, 58, 62, 66), "half size": (58, 66)},
            512: {"full": (52, 55, 58, 61), "half rate": (58, 62, 66), "half size": (48, 54, 60)},
        },
        sharp=Sharp(
            options=sharp,
            ladders={
                256: {"full": (50, 54, 60), "half rate": (58, 66)},
                512: {"full": (52, 58), "half rate": (58, 66), "half size": (54,)},
            },
        ),
    )


ANCHORS: Mapping[str, Anchor] = MappingProxyType(
    {
        "x264": Anchor(
            label="x264 high zerolatency",
            encoder="libx264",
            decoder="h264",
            options={
                "profile": "high",
                "preset": "medium",
                "tune": "zerolatency",
                "crf": "{crf}",
                "x264-params": "scenecut=0:aq-mode=0:psy=0:weightp=0:trellis=2:me=umh:subme=9:ref=2:ipratio=3.5",
            },
            ladders={
                256: {"full": (36, 39, 42, 46), "half rate": (45, 51), "half size": (33, 37, 41, 46)},
                512: {"full": (42, 45, 48, 51), "half rate": (47, 51), "half size": (30, 36, 41, 47)},
            },
        ),
        "x265": Anchor(
            label="x265 slow zerolatency",
            encoder="libx265",
            decoder="hevc",
            options={
                "preset": "slow",
                "tune": "zerolatency",
                "crf": "{crf}",
                "x265-params": "log-level=none:keyint=-1:scenecut=0:bframes=0:pools=none:frame-threads=1"
                ":info=0:aq-mode=0:psy-rd=0:psy-rdoq=0:weightp=0:sao=0:ref=2:ipratio=3.5",
            },
            ladders={
                256: {"full": (34, 38, 42, 46), "half rate": (40, 44, 48, 51), "half size": (38, 46)},
                512: {"full": (38, 42, 46), "half rate": (44, 48, 51), "half size": (35, 39, 43, 47)},
            },
        ),
        "vp9": Anchor(
            label="VP9 good cpu2 no-lag",
            encoder="libvpx-vp9",
            decoder="vp9",
            options={
                "deadline": "good",
                "cpu-used": "2",
                "lag-in-frames": "0",
                "auto-alt-ref": "0",
                "frame-parallel": "0",
                "crf": "{crf}",
            },
            ladders={
                256: {"full": (48, 52, 56, 60), "half rate": (52, 56, 60, 63), "half size": (58, 63)},
                512: {"full": (52, 55, 58, 61), "half rate": (57, 63), "half size": (46, 51, 56, 61)},
            },
        ),
        "svtav1": _svtav1(8),
        "svtav1-p4": _svtav1(4),
    }
)


def anchor(name: str) -> Anchor:
    """Raises SettingError when there is none of that name, or this FFmpeg cannot code or decode it."""
    if name not in ANCHORS:
        raise SettingError(f"unknown anchor {name!r}; there are {', '.join(ANCHORS)}")
    setup = ANCHORS[name]
    try:
        av.Codec(setup.encoder, "w")
        av.Codec(setup.decoder, "r")
    except av.codec.codec.UnknownCodecError as error:
        raise SettingError(f"this FFmpeg lacks the anchor {name}, leave it out of --anchors: {error}") from error
    return setup


def anchor_points(name: str, *, size: int) -> list[AnchorPoint]:
    """All operating points at this picture size. Raises SettingError on an unknown name."""
    setup = anchor(name)
    ladders = {False: setup.ladders[size], True: {} if setup.sharp is None else setup.sharp.ladders[size]}
    return [
        AnchorPoint(name, crf, way, sharp)
        for sharp, ladder in ladders.items()
        for way, crfs in ladder.items()
        for crf in crfs
    ]


def best_anchor(anchors: Sequence[str]) -> str | None:
    """SVT-AV1 at the preset of calls where it was measured, else the last anchor, if there is any."""
    return "svtav1" if "svtav1" in anchors else next(reversed(anchors), None)
