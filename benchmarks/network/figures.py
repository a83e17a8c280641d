"""Stage 10, meter (offline): what was shown, heard and carried in a call over a bad link, in figures and over time."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.network.conditions import Condition
from codec.units import PTS_PER_S

__all__ = ["Moment", "NetworkRow", "Shown", "network_row"]

FRESH_MS = 400.0  # beyond the path's own delay: what is older is no talk any more
BIN_S = 0.5
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture as the viewer noted it; `shown_s` on the monotonic clock, which is one for all hosts here."""

    kind: str
    pts: int
    shown_s: float
    mixed: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """Half a second of the call: `at_s` since the condition began."""

    at_s: float
    fps: float
    delay_ms: float | None
    out_kbps: float  # from the sender into the link
    back_kbps: float  # from the receiver into the link
    queue_ms: float  # of the link, towards the receiver


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """One call over one network."""

    name: str
    mode: str
    says: str
    seconds: float
    first_picture_s: float | None
    fps: float  # distinct decoded pictures, not older than FRESH_MS beyond the path
    freeze_s: float  # the longest time without a new one, however old
    delay_ms: tuple[float, float] | None  # median and 95th percentile, capture to display
    out_kbps: float  # what the sender puts into the link
    back_kbps: float
    queue_ms: tuple[float, float]  # of the link, 95th percentile and largest
    sound: dict[str, float]  # percent of frames made up, and seconds drawn on in place
    h264_part: float  # of the pictures shown
    psnr_db: float | None = None  # mean of some of the pictures shown, against what the camera saw at their time
    failure: str = ""
    counts: dict[str, Any] = field(default_factory=dict)  # of both ends' meters, at the end
    said: list[str] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)


def network_row(
    *,
    name: str,
    mode: str,
    condition: Condition,
    begin_s: float,
    end_s: float,
    first_picture_s: float | None,
    pictures: Sequence[Shown],
    sender: Sequence[Figures],
    receiver: Sequence[Figures],
    link: Sequence[Figures],
    failure: str,
    said: list[str],
    psnr_db: float | None = None,
) -> NetworkRow:
    """The figures of the time from `begin_s` to `end_s`, all of them of the monotonic clock."""
    origins = [line["pts_origin_us"] for line in sender if line.get("pts_origin_us") is not None]
    origin_s = origins[-1] / 1e6 if origins else None
    seconds = end_s - begin_s
    counted = [picture for picture in pictures if begin_s <= picture.shown_s <= end_s and not picture.mixed]
    delays = [_delay_ms(picture, origin_s) for picture in counted]
    known = [delay for delay in delays if delay is not None]
    fresh = sum(delay is not None and delay <= FRESH_MS + condition.delay_ms for delay in delays)
    times = [begin_s, *sorted(picture.shown_s for picture in counted), end_s]
    passed = [line for line in link if begin_s <= line["time_s"] <= end_s]
    queues = [float(line["ab"]["queue_ms"]) for line in passed] or [0.0]
    return NetworkRow(
        name=name,
        mode=mode,
        says=condition.says,
        seconds=round(seconds, 1),
        first_picture_s=first_picture_s,
        fps=fresh / seconds,
        freeze_s=max(after - before for before, after in pairwise(times)),
        delay_ms=(float(np.percentile(known, 50)), float(np.percentile(known, 95))) if known else None,
        out_kbps=_kbps(passed, "ab"),
        back_kbps=_kbps(passed, "ba"),
        queue_ms=(float(np.percentile(queues, 95)), max(queues)),
        sound=_sound(receiver),
        h264_part=sum(picture.kind == "h264" for picture in counted) / max(1, len(counted)),
        psnr_db=psnr_db,
        failure=failure,
        counts={"sender": _counts(sender), "receiver": _counts(receiver)},
        said=said,
        moments=_moments(counted, passed, begin_s=begin_s, end_s=end_s, origin_s=origin_s),
    )


def _counts(lines: Sequence[Figures]) -> Figures:
    kept = ("counts", "playout", "messages", "keyframe_requests", "dropped", "line_kbps", "line_queue_ms", "qp")
    return {name: lines[-1][name] for name in kept if name in lines[-1]} if lines else {}


def _delay_ms(picture: Shown, origin_s: float | None) -> float | None:
    return None if origin_s is None else 1000 * (picture.shown_s - origin_s - picture.pts / PTS_PER_S)


def _kbps(link: Sequence[Figures], way: str) -> float:
    if len(link) < 2:
        return 0.0
    seconds = link[-1]["time_s"] - link[0]["time_s"]
    return float(8 * (link[-1][way]["in_bytes"] - link[0][way]["in_bytes"]) / 1000 / seconds) if seconds else 0.0


def _sound(receiver: Sequence[Figures]) -> dict[str, float]:
    """Of the whole call: the receiver counts since it began, and anew with each connection."""
    totals = {"received": 0.0, "concealed": 0.0, "stretched": 0.0}
    before: Figures = {}
    for line in receiver:
        now = line.get("sound") or {}
        if any(now.get(key, 0) < before.get(key, 0) for key in totals):
            before = {}
        for key in totals:
            totals[key] += float(now.get(key, 0)) - float(before.get(key, 0))
        before = now
    frames = totals["received"] + totals["concealed"]
    return {"made_up_percent": 100 * totals["concealed"] / frames if frames else 0.0, **totals}


def _moments(
    pictures: Sequence[Shown], link: Sequence[Figures], *, begin_s: float, end_s: float, origin_s: float | None
) -> list[Moment]:
    ordered = sorted(pictures, key=lambda picture: picture.shown_s)
    shown, passed = [picture.shown_s for picture in ordered], [line["time_s"] for line in link]
    moments = []
    for index in range(int((end_s - begin_s) / BIN_S)):
        since_s = begin_s + index * BIN_S
        some = ordered[bisect_left(shown, since_s) : bisect_left(shown, since_s + BIN_S)]
        lines = link[bisect_left(passed, since_s) : bisect_left(passed, since_s + BIN_S) + 1]
        delays = [delay for picture in some if (delay := _delay_ms(picture, origin_s)) is not None]
        moments.append(
            Moment(
                at_s=index * BIN_S,
                fps=len(some) / BIN_S,
                delay_ms=float(np.median(delays)) if delays else None,
                out_kbps=_kbps(lines, "ab"),
                back_kbps=_kbps(lines, "ba"),
                queue_ms=max((float(line["ab"]["queue_ms"]) for line in lines), default=0.0),
            )
        )
    return moments
