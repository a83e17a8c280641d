"""Stage 6, control: how often a keyframe may be had."""

__all__ = ["KeyframeGate"]


class KeyframeGate:
    """Grants the receiver's wish for a keyframe, unless one is on its way to it that it did not know of.

    A keyframe that has left answers all wishes until its receipt comes back, or `patience_s` is over; two are at least
    `interval_s` apart. What came too soon is granted later, but never forgotten.
    """

    def __init__(self, *, interval_s: float = 0.5, patience_s: float = 2.0) -> None:
        self.interval_s = interval_s
        self.patience_s = patience_s
        self._sent_s: float | None = None
        self._on_its_way = False
        self._wanted = False

    def ask(self) -> None:
        """A keyframe is wanted."""
        self._wanted = True

    def sent(self, *, now_s: float, receipt: bool) -> None:
        """A keyframe has left, for whatever reason; `receipt` says whether `received` will tell of its arrival."""
        self._sent_s, self._on_its_way = now_s, receipt

    def received(self) -> None:
        """The last one has arrived: older wishes are fulfilled."""
        self._wanted = self._wanted and not self._on_its_way
        self._on_its_way = False

    def take(self, *, now_s: float) -> bool:
        """True if one is to be made now."""
        if not self._wanted:
            return False
        wait_s = self.patience_s if self._on_its_way else self.interval_s
        if self._sent_s is not None and now_s - self._sent_s < wait_s:
            return False
        self._wanted = False
        return True
