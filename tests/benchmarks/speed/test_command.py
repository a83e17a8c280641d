"""Measuring speed: the whole command on a second of the sample clip, but for the call; and its mistakes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.calls.call import CallRun
from benchmarks.errors import ResultsError
from benchmarks.speed import run as speed
from benchmarks.speed.codec_times import GROUP, WARM_UP
from benchmarks.speed.report import read_speed
from benchmarks.speed.rows import TARGETS

ACall = Callable[..., CallRun]
pytestmark = pytest.mark.timeout(300)  # interpreters that start on a busy machine


@pytest.fixture(scope="module")
def report(a_call: ACall, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The whole command on a second of the bundled clip, but for the call."""
    folder = tmp_path_factory.mktemp("speed")
    flags = ["--size", "256", "--seconds", "1", "--cold-runs", "1", "--threads", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "call", lambda *_, **__: a_call())
        status = main(["speed", *flags, "--json", str(folder / "s.json"), "--plot", str(folder / "s.png")])
    assert status == 0
    assert (folder / "s.png").stat().st_size > 10_000
    loaded: dict[str, Any] = json.loads((folder / "s.json").read_text())
    return loaded


def test_every_target_has_its_row(report: dict[str, Any]) -> None:
    rows = {one["key"]: one for one in report["rows"]}
    assert set(TARGETS) <= set(rows)
    for key, one in rows.items():
        spread = one["spread"]
        assert 0 < spread["p5"] <= spread["p25"] <= spread["median"] <= spread["p75"] <= spread["p95"], key
        assert (one["target"] is None) == (one["met"] is None) == (key not in TARGETS), key
    assert rows["sender_keypoints"]["spread"]["count"] <= 25 - WARM_UP
    assert rows["sender_loop"]["spread"]["count"] == (25 - WARM_UP) // GROUP
    assert rows["cold_start"]["details"].keys() == {"import", "decoder", "first frame"}


def test_stages_add_up_to_the_frame(report: dict[str, Any]) -> None:
    spent = dict.fromkeys(("sender", "receiver"), 0.0)
    for one in report["stages"]:
        spent[one["end"]] += one["ms_a_frame"]
    rows = {one["key"]: one["details"]["mean of all"] for one in report["rows"] if "mean of all" in one["details"]}
    assert spent == pytest.approx({"sender": rows["sender_loop"], "receiver": rows["receiver_frame"]})
    assert {one["stage"] for one in report["stages"]} >= {"crop", "motion", "flow", "entropy", "generate", "rest"}


def test_the_file_says_where_it_comes_from(report: dict[str, Any]) -> None:
    assert (report["schema"], report["benchmark"]) == (1, "speed")
    assert report["provenance"]["clips"]["sample"]["sha256"]
    assert report["provenance"]["weights"]["sha256"]
    assert report["environment"]["cpu"]
    assert isinstance(report["environment"]["cpu_flags"], list)
    assert report["settings"]["threads"] == 1
    assert [one["clip"] for one in report["clips"]] == ["sample"]


def test_tables_come_back_from_the_file_and_go_into_a_document(
    report: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, document = tmp_path / "s.json", tmp_path / "page.md"
    path.write_text(json.dumps(report))
    document.write_text("before\n<!-- speed figures -->\nold\n<!-- end of speed figures -->\nafter\n")
    assert main(["table", str(path), "--into", str(document)]) == 0
    assert "receiver, a frame" in capsys.readouterr().out
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| weights on disk | - |" in text
    document.write_text("no section")
    assert main(["table", str(path), "--into", str(document)]) == 2
    assert "has no section" in capsys.readouterr().err


def test_files_of_something_else_are_told(report: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="schema 99"):
        read_speed({**report, "schema": 99})
    with pytest.raises(ResultsError, match="speed benchmark"):
        read_speed({**report, "rows": [{"key": "no row"}]})
    (tmp_path / "no.json").write_text("{")
    assert main(["table", str(tmp_path / "no.json")]) == 2


def test_what_cannot_be_measured_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    for wrong in (
        [str(tmp_path / "none.mp4")],
        [str(tmp_path / "text.mp4")],
        ["--seconds", "0"],
        ["--call-seconds", "1"],
    ):
        assert main(["speed", *wrong]) == 2
        error = capsys.readouterr().err
        assert error.startswith("benchmarks: ")
        assert len(error.splitlines()) == 1
    assert main(["speed", "--threads", "4096"]) == 2
    assert "--threads 4096" in capsys.readouterr().err
