"""Tests of the sender's meter and of how it is shown."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sender.errors import OptionsError
from sender.meter import Meter, for_receiver
from sender.terminal import Display
from signaling.protocol.messages import QualityReport, ReceiverReport, decode, encode
from signaling.transport.insides.wire import Way, WireCount


def metered(clock: Any, way: Way | None = None) -> tuple[Meter, dict[str, Any]]:
    meter = Meter(clock=clock)
    meter.snapshot(mode="keypoints")
    meter.connection(WireCount(way=way))
    for number in range(10):
        meter.message(payload_bytes=100, message_bytes=107)
        meter.frame("keypoints", psnr_db=30.0 + number // 2 if number in (0, 2) else None, sent=True)
    meter.rtp((1300, 200))
    meter.frame("h264", psnr_db=25.0, sent=True)
    meter.stages({"total": 10.0, "flow": 4.0})
    meter.stages({"total": 20.0})
    meter.count("keyframes")
    meter.set_count("captured", 50)
    meter.connection(WireCount(out_bytes=1280, in_bytes=640, way=way))
    meter.hear(ReceiverReport(loss=0.1, delay_ms=123.0, fps=24.0, jitter_ms=2.0))
    meter.states = {"qp": 32, "round_trip_ms": None}
    clock.now_s += 2.0
    return meter, meter.snapshot(mode="compare")


def test_payload_packet_and_wire_of_the_last_time(clock: Any) -> None:
    meter, figures = metered(clock)
    keypoints, h264 = figures["keypoints"], figures["h264"]
    assert keypoints["payload_kbps"] == 4.0  # 10 x 100 bytes in 2 s
    assert keypoints["packet_kbps"] == 4.28
    assert keypoints["wire_kbps"] == 8.0  # 10 x (107 + 93)
    assert keypoints["wire_back_kbps"] == 3.72
    assert keypoints["fps"] == 5.0
    assert keypoints["psnr_db"] == 30.5
    assert h264["payload_kbps"] == 6.0
    assert h264["packet_kbps"] == pytest.approx((1500 + 2 * 12) * 8 / 2000, abs=0.01)
    assert h264["wire_kbps"] == 6.4  # 1500 + 2 x 50
    assert h264["wire_back_kbps"] == 0.0
    assert figures["stages_ms"] == {"flow": 4.0, "total": 15.0}
    assert figures["captured_fps"] == 25.0
    assert figures["connection"] == {
        "out_kbps": 5.12, "in_kbps": 2.56, "out_bytes": 1280, "in_bytes": 640, "way": None
    }  # fmt: skip
    assert figures["receiver"]["delay_ms"] == 123.0
    assert (figures["time_s"], figures["mode"], figures["qp"]) == (2.0, "compare", 32)
    assert meter.latest is figures


def test_what_the_way_adds_to_each_packet_is_on_the_wire(clock: Any) -> None:
    way = Way(local="relay", remote="relay", ipv6=True, relay="udp")
    _, figures = metered(clock, way)
    assert figures["keypoints"]["wire_kbps"] == 8.96  # 10 x (107 + 93 + 24)
    assert figures["keypoints"]["wire_back_kbps"] == 4.68
    assert figures["h264"]["wire_kbps"] == pytest.approx((1500 + 2 * 74) * 8 / 2000, abs=0.01)
    assert figures["connection"]["way"] == "through a TURN server over UDP, IPv6"


def test_the_next_second_begins_at_nothing_but_totals_stay(clock: Any) -> None:
    meter, _ = metered(clock)
    clock.now_s += 1.0
    figures = meter.snapshot(mode="keypoints")
    assert figures["keypoints"]["payload_kbps"] == 0.0
    assert figures["keypoints"]["psnr_db"] is None
    assert figures["keypoints"]["totals"]["payload_bytes"] == 1000
    assert figures["stages_ms"] == {}
    assert meter.psnr_db("keypoints") == 30.5, "the last that was measured"
    assert meter.psnr_db("h264") == 25.0


def test_a_frame_that_is_only_tried_is_no_frame_sent(clock: Any) -> None:
    meter = Meter(clock=clock)
    meter.snapshot(mode="h264")
    meter.frame("keypoints", psnr_db=22.0, sent=False)
    clock.now_s += 1.0
    figures = meter.snapshot(mode="h264")
    assert figures["keypoints"]["fps"] == 0.0
    assert figures["keypoints"]["psnr_db"] == 22.0


def test_the_figures_fit_a_quality_report(clock: Any) -> None:
    _, figures = metered(clock)
    numbers = for_receiver(figures)
    assert numbers == {"qp": 32, "captured_fps": 25, "keypoints_ms": 15}
    report = QualityReport(pts=1, keypoints_psnr_db=30.5, h264_psnr_db=None, mode="compare", figures=numbers)
    assert decode(encode(report)) == report
    assert len(encode(report)) < 200


def test_a_line_for_each_codec_and_one_of_json(clock: Any, tmp_path: Path) -> None:
    meter, figures = metered(clock)
    out = io.StringIO()
    display = Display(json_path=str(tmp_path / "m.jsonl"), console=Console(file=out, width=200))
    display.show(figures)
    clock.now_s += 1.0
    display.show(meter.snapshot(mode="keypoints"))
    display.summary(figures)
    display.say("done")
    display.close()
    lines = out.getvalue().splitlines()
    assert "payload" in lines[0]
    assert "kbps" in lines[1]
    assert lines[2].split()[:6] == ["2", "compare", "keypoints", "4.0", "4.3", "8.0"]
    assert lines[2].split()[9:11] == ["10.0", "123"]
    assert "flow 4" in lines[2]
    assert lines[3].split()[2] == "h264"
    assert lines[4].endswith(" keypoints carries the call")
    assert lines[-1].endswith(" done")
    seconds = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert [second["time_s"] for second in seconds] == [2.0, 3.0]


def test_a_call_without_figures_has_no_summary() -> None:
    out = io.StringIO()
    Display(console=Console(file=out)).summary({})
    assert out.getvalue() == ""


def test_a_json_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match=r"--json .*: Is a directory"):
        Display(json_path=str(tmp_path))
