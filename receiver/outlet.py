"""Stage 10, outlet: pictures as they are ready -> the one stream that is shown, and both codecs' for a recording."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from receiver.figures.meter import Meter
from receiver.picture import Picture, Waiting
from receiver.selection import Selection
from signaling.transport.costs import Kind

__all__ = ["Outlet"]

Show = Callable[[Picture], None]


class Outlet:
    """Owns who is shown pictures. `delay_ms` tells capture to display of one, None while that is not known."""

    def __init__(
        self,
        selection: Selection,
        meter: Meter,
        *,
        counts: Counter[str],
        delay_ms: Callable[[Picture], float | None],
    ) -> None:
        self.selection = selection
        self._meter = meter
        self._counts = counts
        self._delay_ms = delay_ms
        self._shown: list[Show] = []
        self._every: list[Show] = []
        self._untimed = Waiting(64)

    def watch(self, callback: Show, *, every: bool) -> None:
        """Hands each picture shown to `callback`; with `every`, the pictures of both codecs, shown or not."""
        (self._every if every else self._shown).append(callback)

    def wants(self, kind: Kind, *, now_us: int) -> bool:
        """Whether anybody would see a picture of this kind now: no need to make what nobody does."""
        return bool(self._every) or self.selection.wants(kind, now_us=now_us)

    def deliver(self, picture: Picture) -> None:
        """A picture with the sender's time on it."""
        self._deliver(picture, delay_ms=self._delay_ms(picture))
        self._record(picture)

    def show_untimed(self, picture: Picture) -> None:
        """A picture whose pts counts from the first packet, whose own the sender has not told: shown all the same.

        It is kept for the recording.
        """
        if self._every:
            self._untimed.append(picture)
        self._deliver(picture, delay_ms=None)

    def settle_untimed(self, origin: int) -> None:
        """The sender has told the pts of the first packet: what came before goes to the recording."""
        while self._untimed:
            early = self._untimed.popleft()
            self._record(replace(early, pts=early.pts + origin))

    def _deliver(self, picture: Picture, *, delay_ms: float | None) -> None:
        shown = self.selection.offer(picture.kind, now_us=picture.shown_us)
        self._meter.decoded(picture.kind, pts=picture.pts, delay_ms=delay_ms, shown=shown)
        if shown:
            self._counts["shown"] += 1
            for callback in self._shown:
                callback(picture)

    def _record(self, picture: Picture) -> None:
        for callback in self._every:
            callback(picture)

    def figures(self) -> dict[str, object]:
        """Which mode is on, which codec is shown, and how often that has changed."""
        selection = self.selection
        return {"mode": selection.mode, "showing": selection.showing, "changes": selection.changes}
