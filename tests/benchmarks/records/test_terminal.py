"""Measuring: long work tells of itself where nobody sees a bar, too."""

import pytest

from benchmarks.records.terminal import LEAST_WIDTH, progress_by_pieces, tables_console


def test_each_piece_has_a_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_by_pieces(3, at_once=2) as tick:
        tick("one: x264 crf 40")
        tick("two: [x264] crf 40, " + "a long name " * 30)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["1/3 one: x264 crf 40", "2/3 two: [x264] crf 40, " + "a long name " * 30]


@pytest.mark.parametrize("columns", ["80", "150", "400"])
def test_no_column_is_cut_away_on_a_narrow_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for forced in ("", "1"):
        monkeypatch.setenv("FORCE_COLOR", forced)
        assert tables_console().width == max(int(columns), LEAST_WIDTH)
