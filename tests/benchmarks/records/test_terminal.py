"""Measuring: long work tells of itself where nobody sees a bar, too."""

import pytest

from benchmarks.records.terminal import progress_by_pieces


def test_each_piece_has_a_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_by_pieces(3, at_once=2) as tick:
        tick("one: x264 crf 40")
        tick("two: [x264] crf 40, " + "a long name " * 30)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["1/3 one: x264 crf 40", "2/3 two: [x264] crf 40, " + "a long name " * 30]
