"""Stage 4 to 6, catching up: what a viewer that comes, or has lost track, is given, so that it costs the others little.

A keyframe goes to everybody. What has been sent since the last one, references alone, brings a viewer to the same state
and goes to it alone: that is chosen as long as it takes no more bytes than a keyframe for all would. (References are
coded each against those before it, so it has to be all of them.) So viewers that come together, or soon after another,
share one keyframe.
"""

from dataclasses import dataclass, field

from codec import CodedFrame

__all__ = ["CatchUp"]

_MOST_REFERENCES = 16  # each takes a receiver some 30 ms to restore
_OLDEST_S = 30.0  # of the reference in use: a frame's time stamp says its time to within 54 s of that
_JOINED_S, _LOST_S, _LAGGING_S = 1.0, 4.0, 20.0  # between two keyframes: for who comes, has lost track, or always does


@dataclass(slots=True)
class CatchUp:
    """Remembers the references since the last keyframe, and says how viewers catch up. Pure."""

    _references: list[CodedFrame] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)
    _keyed_s: float | None = None
    _newest_s: float = 0.0

    def add(self, reference: CodedFrame, *, now_s: float) -> None:
        """A reference half was sent to those that keep up."""
        if reference.is_keyframe:
            self._references, self._sizes, self._keyed_s = [], [], now_s
        if len(self._references) <= _MOST_REFERENCES:  # one more than can be used says that there are too many
            self._references.append(reference)
            self._sizes.append(len(bytes(reference)))
        self._newest_s = now_s

    def references(self, *, viewers: int, now_s: float) -> list[CodedFrame]:
        """What one viewer needs to keep up from the next bundle on; empty where a keyframe for all is better."""
        if not self._references or len(self._references) > _MOST_REFERENCES or now_s - self._newest_s > _OLDEST_S:
            return []
        return list(self._references) if sum(self._sizes) <= viewers * self._sizes[0] else []

    def grants_keyframe(self, *, is_new: bool, lags: bool, now_s: float) -> bool:
        """Whether everybody gets a keyframe now for the sake of a viewer: that has just come, or keeps losing track."""
        if self._keyed_s is None:
            return True
        wait_s = _JOINED_S if is_new else _LAGGING_S if lags else _LOST_S
        return now_s - self._keyed_s >= wait_s
