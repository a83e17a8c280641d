"""Stage 10, report: whether decoding takes more time than there is, which the sender alone can change."""

from collections import deque

from receiver.figures.meter import Figures

__all__ = ["DecodingLoad"]

_WORTH_TELLING = 0.7  # of the time there is
_STAGES = ("read", "render")  # of each frame


class DecodingLoad:
    """The work that came in a time as a part of it, 1 is all. Pure: it is told figures and times (seconds)."""

    def __init__(self) -> None:
        self._frames = 0
        self._seen_s: float | None = None
        self._loads: deque[float] = deque(maxlen=5)  # since the sender was told
        self._told = 0.0

    def see(self, figures: Figures, *, now_s: float) -> float:
        """The load since the last figures, whose stages are means over that time. 0 the first time."""
        frames = figures["keypoints"]["totals"].get("coded_frames", 0)
        passed_s = 0.0 if self._seen_s is None else now_s - self._seen_s
        came, self._frames, self._seen_s = frames - self._frames, frames, now_s
        stages = figures["stages_ms"]
        worked_s: float = came * sum(stages.get(name, 0.0) for name in _STAGES) / 1000
        load = worked_s / passed_s if passed_s > 0 else 0.0
        self._loads.append(load)
        return load

    def to_tell(self) -> float | None:
        """The mean of what was seen since this was asked, where the sender is to know it.

        A receiver with time to spare says so once, and is silent.
        """
        load = sum(self._loads) / max(1, len(self._loads))
        self._loads.clear()
        if load < _WORTH_TELLING and self._told < _WORTH_TELLING:
            return None
        self._told = load
        return load
