"""Stage 10, report: whether decoding takes more time than there is, which the sender alone can change."""

from receiver.figures.meter import Figures

__all__ = ["DecodingLoad"]

_WORTH_TELLING = 0.7  # of the time there is
_STAGES = ("read", "render")  # of each frame


class DecodingLoad:
    """Remembers what was told: a receiver with time to spare says so once, and is silent."""

    def __init__(self) -> None:
        self._frames = 0
        self._told = 0.0
        self.latest = 0.0

    def of(self, figures: Figures) -> float | None:
        """The work that came in one second as a part of a second, where the sender is to know it."""
        frames = figures["keypoints"]["totals"].get("coded_frames", 0)
        came, self._frames = frames - self._frames, frames
        stages = figures["stages_ms"]
        load: float = came * sum(stages.get(name, 0.0) for name in _STAGES) / 1000
        self.latest = load
        if load < _WORTH_TELLING and self._told < _WORTH_TELLING:
            return None
        self._told = load
        return load
