"""Two calls on one line: what each got of it, and what the processes were."""

import io
from dataclasses import asdict
from typing import Any

import pytest
from rich.console import Console

from benchmarks.errors import SettingError
from benchmarks.network.two.report import cells, read_two, show_two, two_markdown
from benchmarks.network.two.run import CallRow, Flat, TwoSettings, rows_of

NAMES = [f"{call} {end}" for call in ("first", "second") for end in ("sender", "receiver")]


def figures(*, kbps: float, shown: list[float], delays: list[float | None]) -> list[dict[str, Any]]:
    return [
        {
            "time_s": float(second),
            "connection": {"in_bytes": round(second * kbps * 125)},
            "shown_fps": fps,
            "keypoints": {"delay_ms": delay},
            "sound": {"received": 20 * second, "concealed": 5 * second},
        }
        for second, (fps, delay) in enumerate(zip(shown, delays, strict=True))
    ]


def rows() -> list[CallRow]:
    shown = [25.0, 0.0, 0.0, 25.0, 0.0, 25.0]
    lines = {
        "first receiver": figures(kbps=30, shown=shown, delays=[300, None, 310, 400, 390, 410]),
        "second receiver": figures(kbps=20, shown=[10.0] * 6, delays=[None] * 6),
        "first sender": [],
        "second sender": [],
    }
    return rows_of(lines, dict.fromkeys(NAMES, (100.0, 9)), dict.fromkeys(NAMES, (104.0, 9)))


def test_each_call_has_its_share_and_what_became_of_it() -> None:
    first, second = rows()
    assert (first.in_kbps, second.in_kbps) == (pytest.approx(30), pytest.approx(20))
    assert (first.share, second.share) == (pytest.approx(0.6), pytest.approx(0.4))
    assert first.longest_s == 2
    assert first.delay_ms == (300, 410)
    assert first.sound_made_up == pytest.approx(20)
    assert second.fps == 10
    assert first.ends["sender"] == Flat(memory_mb=(100.0, 104.0), threads=(9, 9))


def test_a_results_file_holds_what_the_table_shows() -> None:
    environment = {"cpu": "x", "cpu_flags": [], "cores": 2, "python": "3", "packages": {}}
    origin = {"source": None, "weights": {"name": "w", "sha256": "0" * 64}}
    head = {"schema": 1, "benchmark": "two", "provenance": origin, "environment": environment, "cores": []}
    run = read_two({**head, "load_before": 0.0, "line": "64 kbit/s", "rows": [asdict(row) for row in rows()]})
    assert run.rows == tuple(rows())
    assert " | ".join(cells(run.rows[0])) in two_markdown(run)
    console = Console(file=io.StringIO(), width=200)
    show_two(run, console)
    assert "100 to 104" in console.file.getvalue()


def test_a_time_that_shows_nothing_is_refused() -> None:
    with pytest.raises(SettingError, match="20 and more"):
        TwoSettings(seconds=5)
