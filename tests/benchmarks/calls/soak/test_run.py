"""A long call: the line where there is none, what an end notes, and what becomes of the notes."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calls.soak.end import HEARD, NotingDestinations
from benchmarks.calls.soak.line import line_of
from benchmarks.calls.soak.process import Usage
from benchmarks.calls.soak.run import SoakCall, SoakSettings
from benchmarks.calls.sync.marks import GRID
from benchmarks.clips.sample import SAMPLE
from benchmarks.errors import CallTooShort
from benchmarks.network.hosts import Hosts
from benchmarks.network.link import LinkUnavailable
from codec.sound import SAMPLE_RATE
from receiver.picture import Picture


@pytest.fixture
def no_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(hosts: Hosts) -> Hosts:
        raise LinkUnavailable("not root")

    monkeypatch.setattr(Hosts, "__enter__", refuse)


@pytest.mark.usefixtures("no_hosts")
def test_where_no_hosts_can_be_made_an_end_loses_the_packets_and_the_results_say_why(tmp_path: Path) -> None:
    with line_of(("one", "other"), tmp_path, loss=2, kbps=0) as line:
        assert (line.server_ip, line.own_loss, line.prefixes) == ("127.0.0.1", 0.02, {})
        assert "not root" in line.says


@pytest.mark.usefixtures("no_hosts")
def test_a_limit_cannot_be_made_within_an_end(tmp_path: Path) -> None:
    with pytest.raises(LinkUnavailable), line_of(("one", "other"), tmp_path, loss=2, kbps=64):
        pass


def test_what_is_shown_and_heard_is_written_and_not_kept() -> None:
    shown, greys, heard = io.BytesIO(), io.BytesIO(), io.BytesIO()
    noting = NotingDestinations(shown, greys, heard)
    for at_us in (1_000, 41_000):
        noting.show(Picture("keypoints", 0, at_us, np.full((64, 64, 3), 128, np.uint8)))
    noting._heard(np.full(SAMPLE_RATE // 50, 0.5, np.float32), 7_000)
    assert np.frombuffer(shown.getvalue(), np.int64).tolist() == [1_000, 41_000]
    assert len(greys.getvalue()) == 2 * GRID * GRID
    notes = np.frombuffer(heard.getvalue(), HEARD)
    assert notes["at_us"].tolist() == list(range(7_000, 27_000, 2_000))
    assert notes["level"] == pytest.approx(0.5 * 32767)


def soaked(folder: Path, *, samples: int) -> SoakCall:
    """A call of which the receiving end has noted pictures, sound and figures, looked at so often."""
    shown_us = np.arange(100, 200, dtype=np.int64) * 40_000
    shown_us.tofile(folder / "other.shown")
    np.zeros(101 * GRID * GRID - 9, np.uint8).tofile(folder / "other.greys")  # the last was being written
    np.zeros(9, HEARD).tofile(folder / "other.heard")
    flow = {"delay_ms": 200.0, "delay_p95_ms": 210.0}
    line = {"shown_fps": 25.0, "showing": "keypoints", "keypoints": flow, "connection": {"in_kbps": 9.0}}
    (folder / "other.jsonl").write_text("".join(json.dumps(line) + "\n" for _ in range(samples)))
    call = SoakCall(folder, SoakSettings(), tick=lambda *_: None)
    for number in range(samples):
        call.note(
            dict.fromkeys(("one", "other"), Usage(memory_mb=200, threads=9, descriptors=14, cpu_s=float(number))),
            passed_s=5.0 * number,
        )
    return call


def test_what_was_noted_is_the_result_of_a_call_that_was_cut_off(tmp_path: Path) -> None:
    result = soaked(tmp_path, samples=4).result(
        SAMPLE, "a line", 0.0, said=["one: 10:00:00 connected"], load_before=0.5, failure="interrupted after 20 s"
    )
    assert [process.name for process in result.processes] == ["sender", "receiver"]
    (end,) = result.ends
    assert end.name == "receiver"
    assert end.delay_ms == (200, None, None, None)
    assert (result.failure, result.at_s) == ("interrupted after 20 s", (0, 5, 10, 15))


def test_a_call_that_nothing_is_known_of_says_why(tmp_path: Path) -> None:
    with pytest.raises(CallTooShort, match="the sender failed"):
        soaked(tmp_path, samples=0).result(
            SAMPLE, "a line", 0.0, said=[], load_before=None, failure="the sender failed"
        )
