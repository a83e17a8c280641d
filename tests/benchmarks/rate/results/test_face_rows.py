"""Stage 10, meter (offline): faces pooled over clips, their intervals, and rows that come back from a file."""

import json
from dataclasses import asdict, replace

import pytest

from benchmarks.quality.face_scores import NONE, SCORES, FaceScores, Score
from benchmarks.rate.results.face_rows import FaceRow, intervals, pooled_rows, read_face_row
from benchmarks.rate.results.rows import FACEWIRE

SCORED = FaceScores(**dict.fromkeys(SCORES, Score(0.5, 1.0)))


def clips(*values: float | None) -> list[FaceScores]:
    return [replace(SCORED, mouth_r=NONE if value is None else Score(value, 1.0)) for value in values]


def test_intervals_are_within_the_clips_and_about_their_mean() -> None:
    low, high = intervals(clips(0.1, 0.4, 0.5, 0.6, 0.9))["mouth_r"] or (1, 0)
    assert 0.1 < low < 0.4 < 0.6 < high < 0.9
    assert intervals(clips(0.5, 0.5, 0.5))["mouth_r"] == pytest.approx((0.5, 0.5))
    assert intervals(clips(0.1, 0.9, 0.4)) == intervals(clips(0.1, 0.9, 0.4))


def test_an_interval_wants_three_clips_that_have_a_figure() -> None:
    found = intervals(clips(0.1, None, 0.9, None))
    assert found["mouth_r"] is None
    assert found["eye_r"] == (0.5, 0.5)


def test_a_clip_of_more_blinks_weighs_more() -> None:
    many, few = (replace(SCORED, blinks_seen=score) for score in (Score(1.0, 30.0), Score(0.0, 10.0)))
    rows = [FaceRow(name, FACEWIRE, "qp 34", scores) for name, scores in (("a", many), ("b", few))]
    rows += [FaceRow(name, "svtav1", "crf 60", few) for name in ("a", "b")]
    rows.append(FaceRow("a", "svtav1", "crf 50", few))  # of one clip alone: not pooled
    ours, anchor = pooled_rows(rows)
    assert ours.scores.blinks_seen == Score(0.75, 40.0)
    assert (anchor.codec, anchor.setting, anchor.scores.blinks_seen) == ("svtav1", "crf 60", Score(0.0, 20.0))


def test_a_row_comes_back_from_json() -> None:
    row = FaceRow("a", FACEWIRE, "qp 34", replace(SCORED, blinks_seen=NONE))
    assert read_face_row(json.loads(json.dumps(asdict(row)))) == row
