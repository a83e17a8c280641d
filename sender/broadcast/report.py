"""Stage 6, report of several: what all viewers cost together, how the worst of them fares, and each by itself."""

from collections.abc import Sequence
from typing import Any

from sender.broadcast.viewer import Viewer
from sender.meter import Figures

__all__ = ["add_viewers"]

_FLOW = ("payload_kbps", "wire_kbps", "wire_back_kbps", "fps")
_LINE = ("line_kbps", "line_queue_ms", "round_trip_ms", "connection")
_COUNTS = ("catch_ups", "skipped", "stale", "keyframe_requests")


def add_viewers(figures: Figures, viewers: Sequence[Viewer]) -> None:
    """Completes the figures of a broadcast: `receiver` is the worst of each, `connection` and `control_kbps` sums."""
    own = [(viewer, viewer.figures()) for viewer in viewers]
    said = [theirs["receiver"] for _, theirs in own]
    for name, worst in (("loss", max), ("delay_ms", max), ("jitter_ms", max), ("fps", min)):
        figures["receiver"][name] = worst((one[name] for one in said if one[name] is not None), default=None)
    each = [theirs["connection"] for _, theirs in own]
    for name in ("out_kbps", "in_kbps", "out_bytes", "in_bytes"):
        figures["connection"][name] = round(sum(one[name] for one in each), 2)
    ways = {one["way"] for one in each}
    figures["connection"]["way"] = ways.pop() if len(ways) == 1 else None  # each has its own beside its name
    figures["control_kbps"] = round(sum(theirs["control_kbps"] for _, theirs in own), 2)
    figures["viewers"] = [_of(viewer, theirs) for viewer, theirs in own]


def _of(viewer: Viewer, figures: Figures) -> dict[str, Any]:
    return {
        "name": viewer.name,
        "step": viewer.step,
        "lags": viewer.lags,
        **{name: figures["keypoints"][name] for name in _FLOW},
        **{name: figures["receiver"][name] for name in ("loss", "delay_ms")},
        **{name: figures.get(name) for name in _LINE},
        "counts": {name: figures["counts"].get(name, 0) for name in _COUNTS},
    }
