"""Stage 10, meter: kbps (payload, packet, wire), fps, loss, PSNR, capture-to-display delay and ms per stage.

Three kinds of bits are told apart, for keypoints and for H.264:

- payload: what the codec made (coded frames; the RTP payload for H.264);
- packet: with our own message headers (data channel), with the RTP header (H.264);
- wire: as IP packets. A data-channel message of N bytes is N + 93 bytes, and a SACK of 93 bytes goes back; an RTP
  packet with N bytes of payload is N + 50. `wire_back_kbps` is what the keypoints cost in the other direction. IPv6 and
  a relay add theirs (`Way.extra_bytes`).

The H.264 figures come from the connection's own statistics: packets and loss as received, payload as told by the RTCP
sender reports (about one a second). `connection` is what was counted at the connection's sockets, both ways, everything
included (control channel, ICE checks, RTCP, a relay's framing), with the headers of IP.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from statistics import median
from typing import Any

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

Figures = dict[str, Any]


@dataclass(slots=True)
class _Flow:
    """One of the two codecs: everything counted since the call began."""

    counts: Counter[str] = field(default_factory=Counter)  # bytes by kind, messages, frames, lost, expected
    pts: int | None = None  # of the newest picture
    psnr_db: float | None = None
    delays_ms: deque[float] = field(default_factory=lambda: deque(maxlen=256))


class Meter:
    """Counts what comes in and what is shown; `snapshot` turns the counts into figures once a second."""

    def __init__(self) -> None:
        self._flows: dict[Kind, _Flow] = {kind: _Flow() for kind in KINDS}
        self._connection: Counter[str] = Counter()
        # What the counts were at the last snapshots: sender reports come irregularly, so H.264 is judged over three.
        self._past: dict[str, deque[tuple[int, Counter[str]]]] = {
            "keypoints": deque(maxlen=1),
            "h264": deque(maxlen=3),
            "shown": deque(maxlen=1),
            "connection": deque(maxlen=1),
        }
        self._start_us: int | None = None
        self._way: Way | None = None
        self.shown: Counter[str] = Counter()

    def message(self, *, payload_bytes: int, message_bytes: int, frames: int = 0, reference: bool = False) -> None:
        """One data-channel message: its whole size, and the coded bytes in it."""
        part = "reference" if reference else "motion"
        self._flows["keypoints"].counts.update(
            {
                "payload_bytes": payload_bytes,
                f"{part}_bytes": payload_bytes,
                f"{part}_messages": 1,
                "packet_bytes": message_bytes,
                "wire_bytes": message_bytes + MESSAGE_OVERHEAD + self._extra_bytes,
                "wire_back_bytes": SACK_BYTES + self._extra_bytes,
                "messages": 1,
                "coded_frames": frames,
            }
        )

    def motion_loss(self, *, lost: int, expected: int) -> None:
        """Motion messages lost so far, of all that were sent as far as their numbers tell."""
        counts = self._flows["keypoints"].counts
        counts["lost"], counts["expected"] = lost, expected

    def rtp(self, *, payload_bytes: int, sent_packets: int, received_packets: int, lost_packets: int) -> None:
        """H.264 totals so far; payload bytes and sent packets are the sender report's, scaled to what was received."""
        part = min(1.0, received_packets / sent_packets) if sent_packets else 0.0
        counts = self._flows["h264"].counts
        payload = round(payload_bytes * part)
        packets = min(received_packets, sent_packets)
        counts["payload_bytes"] = max(counts["payload_bytes"], payload)
        counts["packet_bytes"] = max(counts["packet_bytes"], payload + RTP_HEADER * packets)
        counts["wire_bytes"] = max(counts["wire_bytes"], payload + (RTP_OVERHEAD + self._extra_bytes) * packets)
        counts["messages"] = received_packets
        counts["lost"] = max(0, lost_packets)
        counts["expected"] = received_packets + max(0, lost_packets)

    def connection(self, wire: WireCount) -> None:
        """What the transport carried so far, and the way it goes."""
        self._connection["in_bytes"] = wire.in_bytes
        self._connection["out_bytes"] = wire.out_bytes
        self._way = wire.way

    @property
    def _extra_bytes(self) -> int:
        """Of each packet, where it is no UDP over IPv4."""
        return 0 if self._way is None else self._way.extra_bytes

    def decoded(self, kind: Kind, *, pts: int, delay_ms: float | None, shown: bool) -> None:
        """One picture is ready, `delay_ms` after it was captured (None while that is not known)."""
        flow = self._flows[kind]
        flow.pts = pts
        flow.counts["frames"] += 1
        if delay_ms is not None:
            flow.delays_ms.append(delay_ms)
        if shown:
            self.shown["frames"] += 1
            self.shown[kind] += 1

    def quality(self, *, keypoints: float | None, h264: float | None) -> None:
        """PSNR in dB as the sender measured it in its own loop."""
        self._flows["keypoints"].psnr_db, self._flows["h264"].psnr_db = keypoints, h264

    def total(self, kind: Kind, name: str) -> int:
        """One of the counts since the call began."""
        return self._flows[kind].counts[name]

    def snapshot(self, *, now_us: int) -> Figures:
        """The figures since the last snapshot (H.264 rates: since the third last), and the totals since the first."""
        if self._start_us is None:
            self._start_us = now_us
        figures: Figures = {"time_s": round((now_us - self._start_us) / 1e6, 3)}
        for kind in KINDS:
            figures[kind] = self._flow_figures(kind, now_us=now_us)
        shown, seconds = self._since("shown", self.shown, now_us=now_us)
        figures["shown_fps"] = per_second(shown["frames"], seconds)
        connection, seconds = self._since("connection", self._connection, now_us=now_us)
        figures["connection"] = {
            "in_kbps": kbps(connection["in_bytes"], seconds),
            "out_kbps": kbps(connection["out_bytes"], seconds),
            "in_bytes": self._connection["in_bytes"],
            "out_bytes": self._connection["out_bytes"],
            "way": None if self._way is None else str(self._way),
        }
        return figures

    def _flow_figures(self, kind: Kind, *, now_us: int) -> Figures:
        flow = self._flows[kind]
        new, seconds = self._since(kind, flow.counts, now_us=now_us)
        delays = sorted(flow.delays_ms)
        flow.delays_ms.clear()
        return {
            "payload_kbps": kbps(new["payload_bytes"], seconds),
            "packet_kbps": kbps(new["packet_bytes"], seconds),
            "wire_kbps": kbps(new["wire_bytes"], seconds),
            "wire_back_kbps": kbps(new["wire_back_bytes"], seconds),
            "fps": per_second(new["frames"], seconds),
            "loss": round(max(0.0, min(1.0, new["lost"] / new["expected"])), 4) if new["expected"] > 0 else 0.0,
            "pts": flow.pts,
            "psnr_db": flow.psnr_db,
            "delay_ms": round(median(delays), 1) if delays else None,
            "delay_p95_ms": round(delays[int(0.95 * (len(delays) - 1))], 1) if delays else None,
            "totals": dict(flow.counts),
        }

    def _since(self, name: str, counts: Counter[str], *, now_us: int) -> tuple[Counter[str], float]:
        """What was added since the oldest snapshot kept for `name`, and the seconds it took."""
        past = self._past[name]
        then_us, before = past[0] if past else (now_us, Counter())
        past.append((now_us, Counter(counts)))
        return Counter({key: value - before[key] for key, value in counts.items()}), (now_us - then_us) / 1e6
