"""Stage 10, meter (of a demo): figures from both ends' meters, and from pictures that did not all come."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.demo.measure import measure, quality, table
from benchmarks.demo.montage import Recording
from benchmarks.errors import BenchmarkError
from codec.pictures.psnr import psnr_db

Record = Callable[..., Recording]


def test_quality_counts_what_is_seen_and_what_came(record: Record) -> None:
    original = record(4)
    exact = quality(original, original)
    assert (exact["psnr_db"], exact["psnr_of_coded_db"], exact["fps"]) == (100, 100, 25)
    half = Recording(original.pts[::2], original.pictures[::2])
    seen = quality(original, half)
    assert seen["psnr_of_coded_db"] == 100
    assert seen["psnr_db"] == pytest.approx((100 + psnr_db(original.pictures[1], original.pictures[0])) / 2, abs=0.01)
    assert quality(original, Recording())["psnr_db"] is None


def test_figures_are_taken_from_both_ends(figures: dict[str, Any]) -> None:
    own = figures["keypoints"]
    assert own["payload_kbps"] == 8
    assert own["wire_kbps"] == 16
    assert own["loss"] == 0.25
    assert own["delay_ms"] == 100
    assert figures["stages_ms"]["receiver"] == {"render": 9.0}
    assert figures["seconds"] == pytest.approx(0.16)
    assert [row for column in table(figures).columns[:2] for row in column.cells] == [
        "keypoints",
        "H.264",
        "8.0",
        "8.0",
    ]


def test_a_call_without_meters_is_an_error(record: Record, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="too short"):
        measure(record(4), {"keypoints": Recording(), "h264": Recording()}, tmp_path)
