"""Stage 10, report: whether pictures are made for less, because decoding takes nearly all of the time. Pure."""

__all__ = ["Frugality"]

_LATE, _SPARE = 0.95, 0.75  # of the time there is; the second as it would be without
_LATE_S, _SPARE_S = 2.0, 10.0
_PART = 0.86  # of the work that is left: of 48 to 56 ms on one thread, 41 to 47


class Frugality:
    """Told of the load once a second; what it says costs .1 to .2 dB, where a picture left out costs half of them.

    The sender is not told: it hears a smaller load, and asks for less only where that is still too much.
    """

    def __init__(self) -> None:
        self.is_on = False
        self._since_s: float | None = None  # it should be the other way round

    def see(self, load: float, *, now_s: float) -> bool:
        """Whether the warping field's refinement is left out from now on."""
        changes = load / _PART < _SPARE if self.is_on else load > _LATE
        if not changes:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = now_s
        elif now_s - self._since_s >= (_SPARE_S if self.is_on else _LATE_S):
            self.is_on, self._since_s = not self.is_on, None
        return self.is_on
