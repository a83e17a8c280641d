"""Measuring many viewers: the whole command, by short calls, what is made of its figures, and its mistakes."""

import json
import os
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.calls.viewers.report import read_viewers, verdict
from benchmarks.calls.viewers.run import ViewersRow, cpu_ms, threads_ms
from benchmarks.errors import ResultsError, SettingError


def row(viewers: int, *, coding_ms: float, sender_ms: float, **more) -> ViewersRow:
    return ViewersRow(
        **{
            **{"viewers": viewers, "several": True, "churn_s": 0.0, "frames": 100, "fps": 25.0},
            **{"sender_ms": sender_ms, "coding_ms": coding_ms, "audience_ms": 1.0, "server_ms_per_s": 0.0},
            **{"payload_kbps": 8.0, "wire_kbps": 14.0, "back_kbps": 5.0, "keyframes": 0, "catch_ups": 0, "joins": 0},
            **more,
        }
    )


@pytest.mark.timeout(300)
def test_one_and_three_viewers_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "v.json"
    flags = ["--viewers", "3", "--seconds", "4", "--fps", "8", "--no-churn"]
    assert main(["viewers", *flags, "--json", str(path), "--plot", str(tmp_path / "v.png")]) == 0
    assert (tmp_path / "v.png").stat().st_size > 5_000
    one, three = read_viewers(json.loads(path.read_text())).rows
    assert (one.viewers, one.several, three.viewers, three.several) == (1, False, 3, True)
    assert 0 < three.coding_ms < three.sender_ms
    assert three.audience_ms > 0
    assert one.payload_kbps > 0
    assert three.payload_kbps > 0
    document = tmp_path / "page.md"
    document.write_text("<!-- viewers figures --><!-- end of viewers figures -->")
    capsys.readouterr()
    assert main(["table", str(path), "--into", str(document)]) == 0
    assert "| 3 |" in document.read_text()


def test_the_verdict_compares_coding_for_the_most_with_that_for_one() -> None:
    rows = [
        row(1, several=False, coding_ms=99.0, sender_ms=99.0),
        row(1, coding_ms=10.0, sender_ms=11.0),
        row(8, coding_ms=12.0, sender_ms=20.0),
        row(8, coding_ms=99.0, sender_ms=99.0, churn_s=4.0),
    ]
    assert verdict(rows) == "coding for 8 takes 1.20 of that for 1, target 1.25 at most: met; with the sending, 1.82"
    assert verdict([rows[1], row(8, coding_ms=13.0, sender_ms=20.0)]).split(": ")[1].startswith("missed")


def test_what_the_kernel_charges_is_read() -> None:
    assert cpu_ms(os.getpid()) > 0
    assert threads_ms(os.getpid()) >= 0
    with pytest.raises(SettingError):
        cpu_ms(2**30)


def test_nonsense_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--seconds", "1"], ["--viewers", "99"], [str(tmp_path / "none.mp4")]):
        assert main(["viewers", *wrong]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(ResultsError):
        read_viewers({"benchmark": "speed"})
