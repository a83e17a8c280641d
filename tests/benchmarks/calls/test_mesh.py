"""Measuring a call of several: what is replayed, what is made of its figures, and its mistakes."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.__main__ import main
from benchmarks.calls.mesh import run
from benchmarks.calls.mesh.replay import endless
from benchmarks.calls.mesh.report import mesh_markdown, mesh_report, plot_mesh, read_mesh, show_mesh, verdict
from benchmarks.calls.mesh.run import MeshResult, MeshRow, MeshSettings
from benchmarks.errors import CallTooShort, ResultsError
from codec import CodedFrame

ORIGIN = {"clips": {"sample": "0"}, "source": None, "weights": {"name": "sixth", "sha256": "0" * 64}}
VECTORS = Path(__file__).parents[2] / "vectors"


def row(**more: Any) -> MeshRow:
    values = {
        **{"others": 3, "fps": 15.0, "sent_fps": 14.9, "seen_fps": (14.6, 14.8, 15.0), "delay_ms": 180.0},
        **{
            "sound_lost": 0.01,
            "end_ms_per_s": 900.0,
            "loop_ms_per_s": 150.0,
            "end_mb": 700.0,
            "replay_ms_per_s": 90.0,
            "load": 1.5,
        },
    }
    return MeshRow(**{**values, **more})


def test_a_stream_goes_on_and_on_and_each_round_begins_with_its_keyframe() -> None:
    key, moved = (CodedFrame.parse((VECTORS / f"frame_{name}.bin").read_bytes()) for name in ("keyframe", "motion"))
    assert key.reference is not None
    assert key.reference.opening is not None
    first = key.reference.opening.pts
    frames = list(itertools.islice(endless([(700, key), (4300, moved)]), 6))
    assert [pts for pts, _ in frames] == [0, 3600, 7200, 10_800, 14_400, 18_000]
    openings = [coded.reference.opening for _, coded in frames if coded.reference is not None]
    begun = [opening.pts - first for opening in openings if opening is not None]
    assert begun == [-700, 6500, 13_700]
    assert [coded for _, coded in frames if coded.reference is None] == [moved] * 3


def lines(end: str, *, fps: float, count: int = 6, made_up: int = 0) -> list[dict[str, Any]]:
    """What the end's meter says of one of the others."""
    sound = {"played": 0, "concealed": 0}
    return [
        {
            "end": end,
            "shown_fps": fps,
            "keypoints": {"delay_ms": 100.0 + second if second else None},
            "sound": {**sound, "played": 25 * second, "concealed": made_up * second},
        }
        for second in range(count)
    ]


def test_a_row_is_what_lies_between_two_moments() -> None:
    begun, ended = run._Moment(10.0, 1000.0, 800.0, 100.0), run._Moment(14.0, 5000.0, 4000.0, 300.0)
    seen = [*lines("end 1", fps=15.0), *lines("end 2", fps=12.0, made_up=5), *lines("end 3", fps=14.0)]
    seen.append({"shown_fps": 3.0})  # while there was one alone
    came = [{"time_s": 9.5 + second, "frames": [15 * second, 14 * second, 13 * second]} for second in range(7)]
    made = run._row(begun, ended, seen, came, settings=MeshSettings(), fps=15.0, load=None)
    assert (made.sent_fps, made.seen_fps, made.delay_ms) == (14.0, (12.0, 14.0, 15.0), 103.5)
    assert (made.end_ms_per_s, made.loop_ms_per_s, made.replay_ms_per_s) == (1000.0, 200.0, 50.0)
    assert made.sound_lost == pytest.approx(1 / 15)
    with pytest.raises(CallTooShort):
        run._row(begun, ended, seen[:1], came, settings=MeshSettings(), fps=15.0, load=None)


def test_all_are_seen_once_each_has_shown_a_picture() -> None:
    two = [*lines("end 1", fps=15.0), *lines("end 2", fps=0.0)]
    assert not run._are_seen(two, 2)
    assert run._are_seen([*two, *lines("end 2", fps=1.0)], 2)
    assert run._are_seen([{"shown_fps": 3.0}], 1)


def test_the_slowest_direction_decides() -> None:
    assert verdict(row()) == "at 15 fps asked, the slowest of its directions has 14.6; target 15: met"
    assert verdict(row(sent_fps=11.0)).endswith("has 11.0; target 15: missed")


def test_a_report_is_read_shown_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = MeshResult((row(), row(fps=25.0, delay_ms=None, load=None)), 0.5, (0, 1))
    report = mesh_report(MeshSettings(), result, provenance=ORIGIN)
    path, page = tmp_path / "mesh.json", tmp_path / "page.md"
    path.write_text(json.dumps(report))
    read = read_mesh(json.loads(path.read_text()))
    assert read.rows == result.rows
    show_mesh(read, Console(width=200))
    assert "14.6 14.8 15.0" in capsys.readouterr().out
    assert "| 3 |" in mesh_markdown(read)
    plot_mesh(read, tmp_path / "mesh.png")
    assert (tmp_path / "mesh.png").stat().st_size > 5_000
    page.write_text("<!-- mesh figures --><!-- end of mesh figures -->")
    assert main(["table", str(path), "--into", str(page)]) == 0
    assert "target 15: met" in page.read_text()
    with pytest.raises(ResultsError):
        read_mesh({"benchmark": "viewers"})


def test_nonsense_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--seconds", "1"], ["--others", "4"], ["--fps", "0"], [str(tmp_path / "none.mp4")]):
        assert main(["mesh", *wrong]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
