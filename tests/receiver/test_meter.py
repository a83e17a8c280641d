"""The meter: bits of three kinds, rates, and the connection's own statistics."""

import datetime

import pytest
from aiortc.stats import RTCInboundRtpStreamStats, RTCRemoteOutboundRtpStreamStats

from receiver.figures.meter import Meter
from receiver.figures.stats import read_stats
from signaling.transport.insides.wire import Way, WireCount

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def test_keypoints_by_payload_packet_and_wire() -> None:
    meter = Meter()
    meter.snapshot(now_us=0)
    for _ in range(5):
        meter.message(payload_bytes=100, message_bytes=110, frames=4)
    meter.message(payload_bytes=900, message_bytes=905, reference=True)
    figures = meter.snapshot(now_us=2_000_000)["keypoints"]
    assert figures["payload_kbps"] == pytest.approx((500 + 900) * 8 / 2000)
    assert figures["packet_kbps"] == pytest.approx((550 + 905) * 8 / 2000)
    assert figures["wire_kbps"] == pytest.approx((550 + 905 + 6 * 93) * 8 / 2000, abs=0.01)
    assert figures["wire_back_kbps"] == pytest.approx(6 * 93 * 8 / 2000, abs=0.01)
    assert meter.total("keypoints", "motion_bytes") == 500
    assert meter.total("keypoints", "reference_messages") == 1
    assert meter.snapshot(now_us=3_000_000)["keypoints"]["payload_kbps"] == 0


def test_frames_delay_and_loss_of_the_last_second() -> None:
    meter = Meter()
    meter.snapshot(now_us=0)
    for number in range(20):
        meter.decoded("keypoints", pts=3600 * number, delay_ms=100.0 + number, shown=number % 2 == 0)
    meter.motion_loss(lost=2, expected=10)
    figures = meter.snapshot(now_us=1_000_000)
    assert figures["keypoints"]["fps"] == 20
    assert figures["shown_fps"] == 10
    assert figures["keypoints"]["delay_ms"] == pytest.approx(109.5)
    assert figures["keypoints"]["delay_p95_ms"] == 118
    assert figures["keypoints"]["loss"] == 0.2
    meter.motion_loss(lost=2, expected=20)
    later = meter.snapshot(now_us=2_000_000)["keypoints"]
    assert (later["loss"], later["delay_ms"]) == (0, None)


def stats(*, packets: int, payload: int, sent: int, lost: int = 0, ssrc: int = 1) -> dict[str, object]:
    return {
        "in": RTCInboundRtpStreamStats(NOW, "inbound-rtp", "in", ssrc, "video", "t", packets, lost, 0),
        "out": RTCRemoteOutboundRtpStreamStats(NOW, "remote-outbound-rtp", "out", 1, "video", "t", sent, payload, NOW),
        "wire": WireCount(out_bytes=780, in_bytes=11_800, way=Way(local="host", remote="host")),
        "audio": RTCInboundRtpStreamStats(NOW, "inbound-rtp", "audio", 9, "audio", "t", 5, 0, 0),
    }


def test_h264_and_the_connection_as_the_transport_counts_them() -> None:
    meter = Meter()
    meter.snapshot(now_us=0)
    read_stats(stats(packets=50, payload=4000, sent=40, lost=10), into=meter)
    figures = meter.snapshot(now_us=1_000_000)
    assert figures["h264"]["payload_kbps"] == 32
    assert figures["h264"]["packet_kbps"] == pytest.approx((4000 + 12 * 40) * 8 / 1000)
    assert figures["h264"]["wire_kbps"] == pytest.approx((4000 + 50 * 40) * 8 / 1000)
    assert figures["h264"]["loss"] == pytest.approx(10 / 60, abs=1e-4)
    assert figures["connection"]["in_kbps"] == pytest.approx(94.4)
    assert figures["connection"]["out_kbps"] == pytest.approx((500 + 28 * 10) * 8 / 1000, abs=0.01)


def test_lost_h264_packets_are_not_counted_as_received() -> None:
    meter = Meter()
    meter.snapshot(now_us=0)
    read_stats(stats(packets=30, payload=4000, sent=40), into=meter)
    assert meter.snapshot(now_us=1_000_000)["h264"]["payload_kbps"] == 24


def test_the_entry_of_the_retransmission_stream_is_not_taken_for_the_video() -> None:
    meter = Meter()
    read_stats(stats(packets=3, payload=4000, sent=40, ssrc=2), into=meter)
    assert meter.total("h264", "messages") == 40


def test_nothing_is_read_from_statistics_without_a_video() -> None:
    meter = Meter()
    read_stats({}, into=meter)
    assert meter.total("h264", "payload_bytes") == 0
