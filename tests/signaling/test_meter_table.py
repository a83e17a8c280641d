"""The table of figures: units in its head, 80 columns, no rows of nothing; news with the time of day."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from signaling.programs.meter_table import LEVELS, Level, MeterTable

LARGE = {
    "payload_kbps": 9999.9, "packet_kbps": 9999.9, "wire_kbps": 9999.9, "wire_back_kbps": 9999.9,
    "fps": 240.0, "psnr_db": 100.0,
}  # fmt: skip
NONE = dict.fromkeys(LARGE, 0.0) | {"psnr_db": None}


class Printed:
    """A table and what it printed."""

    def __init__(self, *, width: int = 80, level: Level = "info") -> None:
        self._out = io.StringIO()
        self.table = MeterTable(Console(file=self._out, width=width), level=level, clock=lambda: 0.0)

    def row(self, flow: dict[str, Any], *, stages_ms: dict[str, float] | None = None, **more: Any) -> None:
        figures = {"time_s": 99_999.0, "mode": "keypoints", "keypoints": flow}
        told = {"loss": 1.0, "delay_ms": 99_999.0, "stages_ms": stages_ms or {}} | more
        self.table.row(figures, "keypoints", **told)

    @property
    def lines(self) -> list[str]:
        return self._out.getvalue().splitlines()


@pytest.mark.parametrize("style", [None, "green"])
def test_the_largest_figures_fit_into_80_columns_under_their_heads(style: str | None) -> None:
    printed = Printed()
    printed.row(LARGE, style=style, stages_ms={"render": 9.0})
    names, units, row = printed.lines
    assert [len(line) for line in printed.lines] == [80, 80, 80]
    assert units.split() == ["s", "kbps", "kbps", "kbps", "kbps", "/s", "dB", "%", "ms"]
    for head in re.finditer(r"\S+", units):
        assert row[head.end() - 1].isdigit(), head
        assert names[head.end() - 1] != " "
        assert row[head.end() :][:1].strip() in ("", "*")


def test_unknown_figures_are_a_dash_and_stages_stand_where_there_is_room() -> None:
    printed = Printed(width=120)
    printed.row(LARGE | {"psnr_db": None}, loss=None, delay_ms=None, stages_ms={"read": 1.2, "render": 9.0})
    assert printed.lines[2].split()[-7:] == ["-", "-", "-", "read", "1", "render", "9"]


def test_of_several_each_row_says_of_whom_it_is() -> None:
    printed = Printed()
    printed.row(LARGE, end="end 2")
    assert printed.lines[2].split()[1:4] == ["end", "2", "keypoints"]
    assert len(printed.lines[2]) == 80


def test_the_start_has_no_rows_of_zeros() -> None:
    printed = Printed()
    printed.row(NONE)
    assert printed.lines == []


def test_heads_come_back_and_changes_of_mode_are_told_once() -> None:
    printed = Printed()
    for mode in ("keypoints", "keypoints", "h264", "h264", "compare"):
        printed.table.carries(mode)
    assert [line[8:] for line in printed.lines] == [" h264 carries the call", " both codecs are sent"]
    for _ in range(41):
        printed.row(LARGE)
    assert sum("payload" in line for line in printed.lines) == 3


def test_news_have_the_time_and_cannot_move_the_cursor() -> None:
    printed = Printed()
    printed.table.say("a receiver is there\x1b[2J")
    printed.table.fail("facewire-send: no camera")
    assert re.fullmatch(r"\d\d:\d\d:\d\d a receiver is there.*", printed.lines[0])
    assert "\x1b" not in printed.lines[0]
    assert printed.lines[1] == "facewire-send: no camera"


@pytest.mark.parametrize("level", LEVELS)
def test_levels(level: Level) -> None:
    printed = Printed(level=level)
    printed.table.say("news")
    printed.row(LARGE)
    printed.table.fail("wrong")
    assert len(printed.lines) == (5 if level in ("debug", "info") else 1)
