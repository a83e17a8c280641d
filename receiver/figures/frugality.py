"""Stage 10, report: what pictures are made with, where decoding takes more than nearly all of the time. Pure."""

from typing import NamedTuple

from codec.state.show import WHOLE, Rendering

__all__ = ["Frugality"]

_LATE, _SPARE = 0.95, 0.75  # of the time there is; the second as it would be a step further up
_LATE_S, _SPARE_S = 2.0, 10.0
_LASTING_S, _LONGEST_SPARE_S = 20.0, 80.0  # a step up that ends sooner is tried half as soon the next time


class _Step(NamedTuple):
    """A rendering, and what it takes of the whole one's time."""

    rendering: Rendering
    cost: float


# Of 33 ms on one thread 27, 23 and 17; dB and LPIPS as docs/transport.md has them. Of other sizes and processors the
# parts differ (at 512x512 .92, .49 and .41): a step up may take more than they say.
_STEPS = (
    _Step(WHOLE, 1.0),
    _Step(Rendering(refined=False), 0.82),
    _Step(Rendering(generated=False), 0.7),
    _Step(Rendering(refined=False, generated=False), 0.52),
)


class Frugality:
    """Told of the load once a second. A picture left out is missed more than what these steps cost each of them.

    The sender is not told: it hears a smaller load, and asks for less only where that is still too much.
    """

    def __init__(self) -> None:
        self._at = 0
        self._late_since_s: float | None = None
        self._spare_since_s: float | None = None
        self._patience_s = _SPARE_S
        self._climbed_s: float | None = None

    @property
    def rendering(self) -> Rendering:
        """What pictures are made with from now on."""
        return _STEPS[self._at].rendering

    def see(self, load: float, *, now_s: float) -> Rendering:
        """The load of the last second, at the step that there was. None at all says nothing: no pictures came."""
        if load <= 0:
            self._late_since_s = self._spare_since_s = None
            return self.rendering
        whole = load / _STEPS[self._at].cost
        late = load > _LATE and self._at < len(_STEPS) - 1
        spare = self._at > 0 and whole * _STEPS[self._at - 1].cost < _SPARE
        self._late_since_s = (now_s if self._late_since_s is None else self._late_since_s) if late else None
        self._spare_since_s = (now_s if self._spare_since_s is None else self._spare_since_s) if spare else None
        if self._late_since_s is not None and now_s - self._late_since_s >= _LATE_S:
            self._weigh_try(now_s)
            self._move(self._enough_for(whole))
        elif self._spare_since_s is not None and now_s - self._spare_since_s >= self._patience_s:
            self._climbed_s = now_s
            self._move(self._at - 1)
        return self.rendering

    def _weigh_try(self, now_s: float) -> None:
        """Late: how long the next step up has to wait for, by how long the last one lasted."""
        if self._climbed_s is not None:
            failed = now_s - self._climbed_s < _LASTING_S
            self._patience_s = min(2 * self._patience_s, _LONGEST_SPARE_S) if failed else _SPARE_S

    def _enough_for(self, whole: float) -> int:
        """The next step down that is done in time, or the last: what waits for a step less is late meanwhile."""
        further = range(self._at + 1, len(_STEPS))
        return next((at for at in further if whole * _STEPS[at].cost <= _LATE), further[-1])

    def _move(self, at: int) -> None:
        self._at, self._late_since_s, self._spare_since_s = at, None, None
