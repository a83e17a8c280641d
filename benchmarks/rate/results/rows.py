"""Stage 10, meter (offline): the rows of a rate-quality table, per clip and in the mean."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import fmean
from typing import Any

from benchmarks.clips.clip import Clip
from benchmarks.quality.metrics import Quality
from benchmarks.rate.anchors.coded_clip import CodedClip
from benchmarks.rate.results.bdrate import CurvePoint, envelope
from benchmarks.rate.results.groups import over_all_clips

MEAN = "mean"
FACEWIRE = "facewire"
PERCEPTUAL = "facewire, perceptual"  # --tune
BASE = "facewire base layer"
SINGLE = "facewire, one keyframe"
SHUFFLED = "facewire, one keyframe, expressions shuffled"
PROTOTYPE = "unlearned prototype"
FREEZE = "freeze frame 0"
WITHOUT = "facewire without "  # a part of it
KEYPOINT_CODECS = (FACEWIRE, PERCEPTUAL, BASE, SINGLE, SHUFFLED, PROTOTYPE)  # those that send references and motion
TARGET_FPS = 25
LESS_IS_BETTER = ("lpips", "landmark_percent")


@dataclass(frozen=True, slots=True)
class RateRow:
    """One codec at one setting on one clip (or in the mean over clips). Payload rates unless the name says wire."""

    clip: str
    codec: str
    setting: str
    frames: float
    fps: float
    kbps: float  # keyframe + reference + motion
    keyframe_kbps: float
    reference_kbps: float
    motion_kbps: float
    wire_kbps: float
    wire_back_kbps: float
    psnr_db: float
    ssim: float
    ms_ssim: float
    lpips: float | None
    encode_ms: float
    decode_ms: float
    first_keyframe_bytes: float
    motion_bytes_per_frame: float
    motion_kbps_at_25: float  # what these bytes a frame are at 25 frames a second
    identity: float | None = None
    landmark_percent: float | None = None
    without_face: float | None = None
    xpsnr_db: float | None = None
    vmaf: float | None = None


def make_row(clip: Clip, coded: CodedClip, quality: Quality, *, codec: str, setting: str) -> RateRow:
    """Bytes become rates over the clip's own duration."""
    per_kbit = 8 / 1000 / clip.seconds
    motion_bytes_per_frame = coded.motion_bytes / len(clip.pictures)
    return RateRow(
        clip=clip.name,
        codec=codec,
        setting=setting,
        frames=len(clip.pictures),
        fps=clip.fps,
        kbps=coded.payload_bytes * per_kbit,
        keyframe_kbps=coded.keyframe_bytes * per_kbit,
        reference_kbps=coded.reference_bytes * per_kbit,
        motion_kbps=coded.motion_bytes * per_kbit,
        wire_kbps=coded.wire.out * per_kbit,
        wire_back_kbps=coded.wire.back * per_kbit,
        **asdict(quality),
        encode_ms=coded.encode_ms,
        decode_ms=coded.decode_ms,
        first_keyframe_bytes=coded.first_keyframe_bytes,
        motion_bytes_per_frame=motion_bytes_per_frame,
        motion_kbps_at_25=motion_bytes_per_frame * TARGET_FPS * 8 / 1000,
    )


def read_row(stored: dict[str, Any]) -> RateRow:
    """A clip's row out of a results file. Those of schema 1 lack what is worked out here from their rates.

    Raises TypeError or LookupError where that does not give a row.
    """
    bytes_per_kbps = 125 / stored["fps"]  # for each frame
    motion = stored["motion_kbps"] * bytes_per_kbps
    derived = {
        "first_keyframe_bytes": stored["keyframe_kbps"] * bytes_per_kbps * stored["frames"],
        "motion_bytes_per_frame": motion,
        "motion_kbps_at_25": motion * TARGET_FPS * 8 / 1000,
    }
    return RateRow(**(derived | stored))


def _mean(rows: Sequence[RateRow]) -> RateRow:
    values: dict[str, Any] = {"clip": MEAN, "codec": rows[0].codec, "setting": rows[0].setting}
    for field in fields(RateRow):
        if field.name not in values:
            column = [getattr(row, field.name) for row in rows]
            values[field.name] = None if None in column else fmean(column)
    return RateRow(**values)


def mean_rows(rows: Iterable[RateRow]) -> list[RateRow]:
    """For each codec and setting of all clips the plain mean over them, in order of first appearance."""
    return [_mean(group) for group in over_all_clips(rows).values()]


def way(setting: str) -> str:
    """How a codec was run, without the quality that was asked for: what follows the comma of "crf 50, half rate"."""
    return setting.partition(", ")[2]


def curve(rows: Iterable[RateRow], *, codec: str, metric: str) -> list[CurvePoint]:
    """The envelope of one codec's points. What is better the less it is comes negated: more is better on all curves."""
    sign = -1.0 if metric in LESS_IS_BETTER else 1.0
    ways: dict[str, list[CurvePoint]] = {}
    for row in rows:
        if row.codec == codec:
            ways.setdefault(way(row.setting), []).append(CurvePoint(row.kbps, sign * getattr(row, metric)))
    return envelope(list(ways.values()))


def nearest(rows: Iterable[RateRow], *, codec: str, kbps: float) -> RateRow | None:
    """The row of a codec nearest in log rate, of those that no other row of it beats in rate and PSNR; None of none."""
    own = [row for row in rows if row.codec == codec]
    unbeaten = [row for row in own if not any(o.kbps <= row.kbps and o.psnr_db > row.psnr_db for o in own)]
    return min(unbeaten, key=lambda row: abs(math.log(max(row.kbps, 0.01) / max(kbps, 0.01))), default=None)


@dataclass(frozen=True, slots=True)
class Gain:
    """PSNR over freezing frame 0 of a keypoint codec at one setting: mean over clips, and the clip that gains least."""

    codec: str
    setting: str
    kbps: float
    mean_db: float
    least_db: float
    least_clip: str


def gains(rows: Sequence[RateRow]) -> list[Gain]:
    """What the keypoint codecs gain over the freeze rows, setting by setting."""
    frozen = {row.clip: row.psnr_db for row in rows if row.codec == FREEZE}
    groups: dict[tuple[str, str], list[RateRow]] = {}
    for row in rows:
        if row.codec in KEYPOINT_CODECS and row.clip in frozen:
            groups.setdefault((row.codec, row.setting), []).append(row)
    found = []
    for (codec, setting), group in groups.items():
        by_clip = {row.clip: row.psnr_db - frozen[row.clip] for row in group}
        least = min(by_clip, key=lambda clip: by_clip[clip])
        kbps = fmean(row.kbps for row in group)
        found.append(Gain(codec, setting, kbps, fmean(by_clip.values()), by_clip[least], least))
    return found
