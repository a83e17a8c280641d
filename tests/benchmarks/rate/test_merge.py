"""Stage 10, meter (offline): clips that were measured one by one are one run again, or are refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.rate.report import read_run
from benchmarks.rate.results.comparison import compare_all

WHOLE = Path(__file__).parents[3] / "benchmarks" / "results" / "rate-256-anchors.json"


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """A results file taken apart by clips, as runs of their own would have written it."""
    report = json.loads(WHOLE.read_text())
    paths = []
    for clip in report["provenance"]["clips"]:
        part = dict(report)
        for key in ("rows", "faces", "failures"):
            part[key] = [one for one in report[key] if one["clip"] == clip]
        part["settings"] = dict(report["settings"])
        part["settings"]["streams"] = [one for one in report["settings"]["streams"] if one["clip"] == clip]
        part["provenance"] = report["provenance"] | {"clips": {clip: report["provenance"]["clips"][clip]}}
        paths.append(tmp_path / f"{clip}.json")
        paths[-1].write_text(json.dumps(part))
    return paths


def merge(parts: list[Path], into: Path) -> int:
    return main(["merge", *map(str, parts), "--json", str(into)])


def test_parts_are_the_whole_again(parts: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(parts) > 1
    assert merge(parts, tmp_path / "all.json") == 0
    assert f"{len(parts)} clips" in capsys.readouterr().out
    found, whole = read_run(tmp_path / "all.json"), read_run(WHOLE)
    assert sorted(map(repr, found.rows)) == sorted(map(repr, whole.rows))
    assert sorted(map(repr, found.faces)) == sorted(map(repr, whole.faces))
    assert found.conditions == whole.conditions
    stored: dict[str, Any] = json.loads((tmp_path / "all.json").read_text())
    assert len(stored["comparisons"]) == len(compare_all(found.rows, found.anchors, below_kbps=12))
    assert {row["clip"] for row in stored["mean"]} == {"mean"}
    assert set(stored["provenance"]["sources"]) == {path.name for path in parts}


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    report = json.loads(path.read_text())
    change(report)
    path.write_text(json.dumps(report))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda report: report["settings"].update(every=17), "every"),
        (lambda report: report["provenance"]["weights"].update(name="other"), "weights"),
        (lambda report: report["environment"].update(cpu="another"), "processor"),
        (lambda report: report["anchors"].popitem(), "anchors"),
    ],
)
def test_what_is_not_of_one_run_is_refused(
    parts: list[Path],
    change: Callable[[dict[str, Any]], None],
    word: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    changed(parts[1], change)
    assert merge(parts, tmp_path / "all.json") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert word in said
    assert parts[1].name in said
    assert not (tmp_path / "all.json").exists()


def test_a_clip_twice_and_no_results_are_refused(
    parts: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.json"
    copy.write_text(parts[0].read_text())
    assert merge([*parts, copy], tmp_path / "all.json") == 2
    assert "two files" in capsys.readouterr().err
    for missing in ("rows", "settings", "provenance", "anchors"):
        copy.write_text(
            json.dumps({key: one for key, one in json.loads(parts[0].read_text()).items() if key != missing})
        )
        assert merge([copy], tmp_path / "all.json") == 2
        assert "not results of the rate benchmark" in capsys.readouterr().err
    copy.write_text("{}")
    assert merge([*parts, copy], tmp_path / "all.json") == 2
    assert "not results of the rate benchmark" in capsys.readouterr().err


def test_other_commits_are_told_of(parts: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed(parts[0], lambda report: report["provenance"]["source"].update(commit="0" * 40))
    assert merge(parts, tmp_path / "all.json") == 0
    assert "different commits" in capsys.readouterr().out
