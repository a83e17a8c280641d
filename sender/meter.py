"""Stage 5 and 6, meter: what each codec costs and gives, as the sending end sees it, once a second.

Three kinds of bits are told apart, for keypoints and for H.264:

- payload: what the codec made (coded frames; RTP payload for H.264);
- packet: with our own message headers (data channel), with the RTP header (H.264);
- wire: as IP packets, by model. A data-channel message of N bytes is N + 93 bytes, and a SACK of 93 bytes comes back
  (`wire_back_kbps`); an RTP packet with N bytes of payload is N + 50. IPv6 and a relay add theirs (`Way.extra_bytes`).

`connection` is no model: it is what was counted at the connection's sockets, both ways, everything included (control
channel, ICE checks, RTCP, a relay's framing), with the headers of IP.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from signaling.protocol.messages import ReceiverReport
from signaling.transport.costs import (
    KINDS,
    MESSAGE_OVERHEAD,
    RTP_HEADER,
    RTP_OVERHEAD,
    SACK_BYTES,
    Kind,
    kbps,
    per_second,
)
from signaling.transport.insides.wire import Way, WireCount

__all__ = ["Figures", "Kind", "Meter", "for_receiver"]

Figures = dict[str, Any]


@dataclass(slots=True)
class _Flow:
    """One of the two codecs: counts since the call began, and what the last second gathered."""

    counts: Counter[str] = field(default_factory=Counter)
    psnr_db: list[float] = field(default_factory=list)
    last_psnr_db: float | None = None


class Meter:
    """Counts on the event loop; `snapshot` makes the figures of the time since the one before."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start_s: float | None = None
        self._flows: dict[Kind, _Flow] = {kind: _Flow() for kind in KINDS}
        self._counts: Counter[str] = Counter()
        self._before: dict[str, Counter[str]] = {}
        self._before_s = 0.0
        self._stages: dict[str, tuple[int, float]] = {}
        self._report: ReceiverReport | None = None
        self._way: Way | None = None
        self.states: dict[str, float | None] = {}  # as they are now: qp, round_trip_ms, queue_bytes...
        self.latest: Figures = self._figures(0.0, seconds=0.0, mode="keypoints")  # of the last second

    def message(self, *, payload_bytes: int, message_bytes: int) -> None:
        """One data-channel message of the keypoint codec, and the coded bytes in it."""
        self._flows["keypoints"].counts.update(
            payload_bytes=payload_bytes,
            packet_bytes=message_bytes,
            wire_bytes=message_bytes + MESSAGE_OVERHEAD + self._extra_bytes,
            wire_back_bytes=SACK_BYTES + self._extra_bytes,
            messages=1,
        )

    def rtp(self, payloads: Iterable[int]) -> None:
        """The RTP packets of one H.264 picture, by the bytes of their payloads."""
        for size in payloads:
            self._flows["h264"].counts.update(
                payload_bytes=size,
                packet_bytes=size + RTP_HEADER,
                wire_bytes=size + RTP_OVERHEAD + self._extra_bytes,
                messages=1,
            )

    @property
    def _extra_bytes(self) -> int:
        """Of each packet, where it is no UDP over IPv4."""
        return 0 if self._way is None else self._way.extra_bytes

    def frame(self, kind: Kind, *, psnr_db: float | None, sent: bool) -> None:
        """One coded picture; `sent` is False when the codec ran only to see what it could do.

        `psnr_db` is None where nothing new was measured: a value that is held must not count twice.
        """
        flow = self._flows[kind]
        flow.counts["frames"] += sent
        flow.counts["probed"] += not sent
        if psnr_db is not None:
            flow.psnr_db.append(psnr_db)

    def count(self, name: str, amount: int = 1) -> None:
        """Adds to one of the plain counts."""
        self._counts[name] += amount

    def set_count(self, name: str, total: int) -> None:
        """Takes over a count that is kept elsewhere."""
        self._counts[name] = total

    def stages(self, stage_ms: Mapping[str, float]) -> None:
        """Milliseconds by stage of one picture."""
        for name, ms in stage_ms.items():
            runs, total_ms = self._stages.get(name, (0, 0.0))
            self._stages[name] = (runs + 1, total_ms + ms)

    def connection(self, wire: WireCount) -> None:
        """Totals of the transport, and the way it goes."""
        self._counts["connection_out"] = wire.out_bytes
        self._counts["connection_in"] = wire.in_bytes
        self._way = wire.way

    def hear(self, report: ReceiverReport) -> None:
        """What the receiver says."""
        self._report = report

    def snapshot(self, *, mode: str) -> Figures:
        """The figures since the last snapshot, and totals since the first; kept as `latest`."""
        now_s = self._clock()
        if self._start_s is None:
            self._start_s = self._before_s = now_s
        seconds = now_s - self._before_s
        self._before_s = now_s
        self.latest = self._figures(now_s - self._start_s, seconds=seconds, mode=mode)
        return self.latest

    def _figures(self, time_s: float, *, seconds: float, mode: str) -> Figures:
        figures: Figures = {"time_s": round(time_s, 3), "mode": mode}
        for kind in KINDS:
            figures[kind] = self._flow_figures(kind, seconds)
        new = self._since("counts", self._counts)
        figures["captured_fps"] = per_second(new["captured"], seconds)
        figures["connection"] = {
            "out_kbps": kbps(new["connection_out"], seconds),
            "in_kbps": kbps(new["connection_in"], seconds),
            "out_bytes": self._counts["connection_out"],
            "in_bytes": self._counts["connection_in"],
            "way": None if self._way is None else str(self._way),
        }
        each_control = MESSAGE_OVERHEAD + self._extra_bytes
        figures["control_kbps"] = kbps(new["control_bytes"] + each_control * new["control_messages"], seconds)
        figures["receiver"] = _said(self._report)
        figures["stages_ms"] = {name: round(ms / runs, 2) for name, (runs, ms) in sorted(self._stages.items())}
        figures["counts"] = dict(self._counts)
        figures.update(self.states)
        self._stages.clear()
        return figures

    def psnr_db(self, kind: Kind) -> float | None:
        """Mean PSNR of the last second in which this kind was measured; None before the first."""
        return self._flows[kind].last_psnr_db

    def _flow_figures(self, kind: Kind, seconds: float) -> Figures:
        flow = self._flows[kind]
        new = self._since(kind, flow.counts)
        mean_db = round(sum(flow.psnr_db) / len(flow.psnr_db), 2) if flow.psnr_db else None
        flow.psnr_db.clear()
        flow.last_psnr_db = mean_db if mean_db is not None else flow.last_psnr_db
        return {
            "payload_kbps": kbps(new["payload_bytes"], seconds),
            "packet_kbps": kbps(new["packet_bytes"], seconds),
            "wire_kbps": kbps(new["wire_bytes"], seconds),
            "wire_back_kbps": kbps(new["wire_back_bytes"], seconds),
            "fps": per_second(new["frames"], seconds),
            "psnr_db": mean_db,
            "totals": dict(flow.counts),
        }

    def _since(self, name: str, counts: Counter[str]) -> Counter[str]:
        before = self._before.get(name, Counter())
        self._before[name] = Counter(counts)
        return Counter({key: value - before[key] for key, value in counts.items()})


def for_receiver(figures: Figures) -> dict[str, float]:
    """The few figures that the receiver cannot measure, as whole numbers: a long report costs as much as the motion."""
    stages = figures["stages_ms"]
    told = {
        "qp": figures.get("qp"),
        "captured_fps": figures["captured_fps"],
        "keypoints_ms": stages.get("total"),
        "h264_ms": stages.get("h264"),
    }
    return {name: round(value) for name, value in told.items() if value is not None}


def _said(report: ReceiverReport | None) -> Figures:
    if report is None:
        return {"loss": None, "delay_ms": None, "fps": None, "jitter_ms": None}
    said = {"loss": report.loss, "delay_ms": report.delay_ms, "fps": report.fps, "jitter_ms": report.jitter_ms}
    return said if report.h264_loss is None else {**said, "h264_loss": report.h264_loss}
