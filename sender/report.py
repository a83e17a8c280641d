"""Stage 6, report: once a second the meter's figures, to the receiver and to whoever watches."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import codec
from codec.bits.bitstream import VERSION as BITSTREAM_VERSION
from codec.weights.files import identify
from sender.capture import Capture
from sender.h264.fallback import FallbackTrack
from sender.meter import Figures, Meter, for_receiver
from sender.options import SenderOptions
from signaling.protocol.capabilities import ARRIVALS, LOAD, PROTOCOL
from signaling.protocol.messages import Capabilities, Mode, QualityReport
from signaling.transport.control import ControlChannel
from signaling.transport.insides.wire import WireCount

__all__ = ["CallState", "Report", "Stats", "call_state", "capabilities_of"]

_REPORT_S = 1.0
_REPORTS_PER_PING = 10
_REPORTS_PER_WORD = 2  # to the receiver: a message and its receipt are 300 bytes
_CLOCKS = ("pts_origin_us", "h264_origin_pts")

Stats = Callable[[], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallState:
    """What a report needs to know of the call: how it stands, counts kept elsewhere, and values as they are now."""

    mode: Mode
    pts: int
    totals: dict[str, int]
    states: dict[str, float | None]


class Report:
    """Makes the reports of one call. `state` is asked for each; `stats` is the connection's getStats."""

    def __init__(
        self, meter: Meter, control: ControlChannel, *, state: Callable[[], CallState], stats: Stats | None
    ) -> None:
        self._meter = meter
        self._control = control
        self._state = state
        self._stats = stats
        self._reports = 0
        self._told: dict[str, float] = {}  # clocks that the receiver knows
        self.beside: dict[str, float] = {}  # figures that the receiver is told besides
        self._watchers: list[Callable[[Figures], None]] = []

    def watch(self, callback: Callable[[Figures], None]) -> None:
        """Hands each second's figures to `callback`."""
        self._watchers.append(callback)

    def introduce(self) -> None:
        """Somebody has come who knows no clock: it is told with the next word."""
        self._told.clear()

    async def run(self, *, begun: asyncio.Event) -> None:
        """Reports once it has `begun`, because the first tells the receiver the clock, and then once a second."""
        await begun.wait()
        while True:
            if self._stats is not None:
                self._read_stats(await self._stats())
            self._tell()
            await asyncio.sleep(_REPORT_S)

    def _read_stats(self, report: Mapping[str, Any]) -> None:
        for entry in report.values():
            if isinstance(entry, WireCount):
                self._meter.connection(entry)

    def _tell(self) -> None:
        state, meter, control = self._state(), self._meter, self._control
        latest = control.clock.latest
        totals = {
            **state.totals,
            "control_bytes": control.sent_bytes,
            "control_messages": control.sent_messages,
            "refused_messages": control.counts["malformed_control"] + control.counts["unexpected_control"],
        }
        for name, total in totals.items():
            meter.set_count(name, total)
        meter.states = {
            **state.states,
            "round_trip_ms": None if latest is None else latest.round_trip_us / 1000,
        }
        figures = meter.snapshot(mode=state.mode)
        clocks = self._new_clocks()
        if clocks or self._reports % _REPORTS_PER_WORD == 0:
            self._control.send(
                QualityReport(
                    pts=state.pts,
                    keypoints_psnr_db=meter.psnr_db("keypoints"),
                    h264_psnr_db=meter.psnr_db("h264"),
                    mode=state.mode,
                    figures={**for_receiver(figures), **self.beside, **clocks},
                )
            )
        self._reports += 1
        if self._reports % _REPORTS_PER_PING == 1:
            self._control.ping()
        for callback in self._watchers:
            callback(figures)

    def _new_clocks(self) -> dict[str, float]:
        """Those that the receiver does not know yet: the control channel is reliable, once is enough."""
        clocks = {name: self._meter.states.get(name) for name in _CLOCKS}
        news = {name: value for name, value in clocks.items() if value is not None and self._told.get(name) != value}
        self._told.update(news)
        return news


def capabilities_of(options: SenderOptions, *, h264_mid: str | None) -> Capabilities:
    """What a sender says of itself first."""
    return Capabilities(
        end="sender",
        software=f"facewire {codec.__version__}",
        protocol=PROTOCOL,
        bitstreams=(BITSTREAM_VERSION,),
        weights=(identify(options.weights).hex(),),
        sizes=(options.size,),
        h264_mid=h264_mid,
        features=(LOAD, ARRIVALS),
    )


def call_state(
    *,
    mode: Mode,
    pts: int,
    capture: Capture,
    stale: int,
    video: FallbackTrack | None,
    sound: Mapping[str, int],
    states: Mapping[str, Any],
) -> CallState:
    """What a sender knows of its call beside the meter: totals of frames, clocks' origins, `states` of its parts."""
    epoch_s = capture.epoch_s
    return CallState(
        mode=mode,
        pts=pts,
        totals={
            "captured": capture.pictures,
            "stale": stale,
            "h264_dropped": 0 if video is None else video.dropped,
            **sound,
        },
        states={
            "pts_origin_us": None if epoch_s is None else round(epoch_s * 1e6),
            "h264_origin_pts": None if video is None else video.first_pts,
            **states,
        },
    )
