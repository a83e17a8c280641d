"""What the ways between two homes are told as."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.errors import ResultsError, SettingError
from benchmarks.network.paths.report import no_plot, paths_markdown, paths_report, read_paths, show_paths
from benchmarks.network.paths.run import Line, PathRow, PathSettings, _line


def link(*bytes_at: tuple[float, int]) -> list[dict]:
    return [
        {"time_s": at_s, "ab": {"in_bytes": size, "out_bytes": 0}, "ba": {"in_bytes": 0, "out_bytes": 2 * size}}
        for at_s, size in bytes_at
    ]


def test_a_meter_is_set_beside_what_its_line_carried() -> None:
    since = {"at_s": 10.0, "connection": {"out_bytes": 1000, "in_bytes": 0}}
    until = {"at_s": 18.0, "connection": {"out_bytes": 9000, "in_bytes": 15_000}}
    line = _line(link((9.9, 500), (10.1, 600), (17.9, 8500), (18.1, 90_000)), since, until)
    assert line == Line(out_metered=8.0, out_carried=8.0, in_metered=15.0, in_carried=16.0)


def test_rows_come_back_as_they_were_and_are_shown() -> None:
    line = Line(out_metered=16.0, out_carried=16.1, in_metered=9.0, in_carried=9.1)
    rows = [
        PathRow(name="a", says="all", way="directly, IPv4", as_expected=True, fps=20.0, sender=line, receiver=line),
        PathRow(name="b", says="none", way="", as_expected=False, failure="the sender failed"),
    ]
    origin = {"source": None, "weights": {"name": "w", "sha256": "0" * 64}}
    report = paths_report(PathSettings(), rows, servers="coturn 4.6.1", load_before=None, provenance=origin)
    run = read_paths(report)
    assert run.rows == tuple(rows)
    assert "| b: none | the sender failed (not as expected) |" in paths_markdown(run)
    console = Console(file=io.StringIO(), width=240)
    show_paths(run, console)
    assert "coturn 4.6.1" in console.file.getvalue()
    with pytest.raises(ResultsError, match="no plot"):
        no_plot(run, Path("x.png"))


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SettingError, match="there are open"):
        PathSettings(names=("nowhere",))
    with pytest.raises(SettingError, match="5 and more"):
        PathSettings(seconds=1)
