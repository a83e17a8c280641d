"""Stage 10, display (offline): the tables of faces, cell by cell."""

import io
from dataclasses import replace

from rich.console import Console

from benchmarks.quality.face_scores import NONE, SCORES, FaceScores, Score
from benchmarks.rate.display.face_tables import control_table, face_table, interval_table, show_faces
from benchmarks.rate.results.face_rows import FaceRow, pooled_rows
from benchmarks.rate.results.rows import RateRow
from benchmarks.records.terminal import LEAST_WIDTH

SCORED = replace(FaceScores(**dict.fromkeys(SCORES, Score(0.5, 1.0))), blinks_seen=Score(0.875, 8.0), eye_r=NONE)


def face_rows(row: RateRow, *clips: str) -> list[FaceRow]:
    return [FaceRow(clip, row.codec, row.setting, SCORED) for clip in clips]


def test_a_face_stands_beside_its_rate_and_its_milliseconds(row: RateRow) -> None:
    table = face_table([(row, SCORED)], title="a")
    cells = {str(column.header).replace("\n", " "): next(iter(column.cells)) for column in table.columns}
    assert (cells["codec"], cells["kbps"], cells["PSNR"], cells["LPIPS"], cells["ident."]) == (
        "facewire", "7.0", "30.00", "0.100", "-",
    )  # fmt: skip
    assert (cells["mouth r"], cells["eye r"], cells["blinks seen %"], cells["false %"]) == ("0.500", "-", "88", "50")
    assert (cells["enc ms"], cells["dec ms"]) == ("12.0", "6.0")


def test_controls_and_intervals_have_a_line_for_each_setting(row: RateRow) -> None:
    pooled = pooled_rows(face_rows(row, "a", "b", "c"))
    assert [len(list(column.cells)) for column in control_table(pooled).columns] == [1] * 9
    bounds = {str(column.header): next(iter(column.cells)) for column in interval_table(pooled).columns}
    assert (bounds["mouth\nr"], bounds["eye\nr"], bounds["blinks\nseen %"]) == ("0.500..0.500", "-", "88..88")


def shown(rates: list[RateRow], faces: list[FaceRow]) -> str:
    console = Console(file=io.StringIO(), width=LEAST_WIDTH)
    show_faces(rates, faces, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_run_shows_each_clip_and_all_of_them(row: RateRow) -> None:
    other = replace(row, clip="b", codec="freeze frame 0")
    text = shown([row, replace(row, clip="b"), other], face_rows(row, "a", "b"))
    assert [title in text for title in ("a, face", "b, face", "faces, 2 clips", "faces, controls")] == [True] * 4
    assert "intervals" not in text
    assert "…" not in text
    assert "intervals" in shown([row], face_rows(row, "a", "b", "c"))


def test_a_run_without_faces_shows_nothing(row: RateRow) -> None:
    assert shown([row], []) == ""
