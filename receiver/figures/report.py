"""Stage 10, report: once a second the meter's figures and what explains them, to whoever watches and to the sender."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from receiver.figures.meter import Figures, Meter
from receiver.figures.stats import read_stats
from signaling.protocol.messages import ReceiverReport
from signaling.transport.costs import Kind

__all__ = ["Report", "Stats", "receiver_report"]

Stats = Callable[[], Awaitable[Mapping[str, Any]]]


class Report:
    """Makes the reports of one call. `explain` gives what the meter does not count, `tell` informs the sender."""

    def __init__(
        self,
        meter: Meter,
        *,
        now_us: Callable[[], int],
        explain: Callable[[], Figures],
        tell: Callable[[Figures], None],
        stats: Stats,
    ) -> None:
        self._meter = meter
        self._now_us = now_us
        self._explain = explain
        self._tell = tell
        self._stats = stats
        self._watchers: list[Callable[[Figures], None]] = []
        self._latest: Figures | None = None

    def watch(self, callback: Callable[[Figures], None]) -> None:
        """Hands each second's figures to `callback`."""
        self._watchers.append(callback)

    @property
    def latest(self) -> Figures:
        """The figures of the last second, and totals since the first; zeros before it."""
        if self._latest is None:
            return Meter().snapshot(now_us=0) | self._explain()
        return self._latest

    async def make(self) -> None:
        """One report, of the time since the one before."""
        read_stats(await self._stats(), into=self._meter)
        self._latest = figures = self._meter.snapshot(now_us=self._now_us()) | self._explain()
        self._tell(figures)
        for callback in self._watchers:
            callback(figures)


def receiver_report(
    figures: Figures, *, showing: Kind, held: tuple[int, ...], sound_loss: float | None
) -> ReceiverReport:
    """What the sender is told of one second: `showing` is the codec shown, `held` the references held.

    Not what was received since the call began: nobody asks for it, and it was half of the message.
    """
    return ReceiverReport(
        loss=figures["keypoints"]["loss"],
        delay_ms=figures[showing]["delay_ms"],
        fps=figures["shown_fps"],
        jitter_ms=figures["jitter_ms"],
        references=held[:64],
        sound_loss=sound_loss,
        h264_loss=figures["h264"]["loss"] if figures["h264"]["fps"] else None,
    )
