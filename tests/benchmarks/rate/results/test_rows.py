"""Stage 10, meter (offline): bytes become rates, rows become means, means become comparisons."""

from dataclasses import asdict, replace

import pytest

from benchmarks.rate.display.tables import comparison_table, gain_line, reasons
from benchmarks.rate.results.comparison import compare_all
from benchmarks.rate.results.rows import (
    BASE,
    FACEWIRE,
    FREEZE,
    PERCEPTUAL,
    RateRow,
    curve,
    gains,
    mean_rows,
    nearest,
    read_row,
)


def test_rates_are_over_the_clips_own_time(row: RateRow) -> None:
    assert (row.kbps, row.keyframe_kbps, row.reference_kbps, row.motion_kbps) == (7, 4, 2, 1)
    assert (row.wire_kbps, row.wire_back_kbps) == (16, 8)
    assert (row.frames, row.fps) == (50, 25)
    assert (row.first_keyframe_bytes, row.motion_bytes_per_frame, row.motion_kbps_at_25) == (900, 5, 1)


def test_a_row_of_an_older_file_gets_what_it_lacks(row: RateRow) -> None:
    newer = ("first_keyframe_bytes", "motion_bytes_per_frame", "motion_kbps_at_25", "identity", "landmark_percent",
             "without_face")  # fmt: skip
    stored = {name: value for name, value in asdict(row).items() if name not in newer}
    assert read_row(stored) == replace(row, first_keyframe_bytes=1000)  # it knew no other keyframes
    assert read_row(asdict(row)) == row


def test_means_are_taken_for_each_setting_over_clips(row: RateRow) -> None:
    other = replace(row, clip="b", kbps=9.0, psnr_db=32.0, lpips=None)
    finer = replace(row, setting="qp 20", kbps=20.0)
    first, second = mean_rows([row, finer, other, replace(finer, clip="b")])
    assert (first.clip, first.setting, first.kbps, first.psnr_db) == ("mean", "qp 32", 8.0, 31.0)
    assert first.lpips is None
    assert (second.setting, second.kbps, second.lpips) == ("qp 20", 20.0, pytest.approx(0.1))


def test_more_is_better_on_every_curve(row: RateRow) -> None:
    assert curve([row], codec=FACEWIRE, metric="lpips")[0].quality == -0.1
    assert curve([row], codec=FACEWIRE, metric="psnr_db")[0].quality == 30
    assert curve([row], codec="x264", metric="psnr_db") == []
    assert curve([replace(row, landmark_percent=2.0)], codec=FACEWIRE, metric="landmark_percent")[0].quality == -2


def test_what_lacks_a_clip_has_no_mean(row: RateRow) -> None:
    coarse = replace(row, codec="x264", setting="crf 50")
    rows = [row, replace(row, clip="b", kbps=9.0), coarse, replace(coarse, setting="crf 40")]
    rows += [replace(coarse, clip="b")]
    assert [(mean.codec, mean.setting, mean.kbps) for mean in mean_rows(rows)] == [
        (FACEWIRE, "qp 32", 8.0),
        ("x264", "crf 50", 7.0),
    ]


def test_an_anchor_is_compared_at_its_best_ways(row: RateRow) -> None:
    plain = [replace(one, setting=one.setting.replace("qp", "crf")) for one in ladder(row)]
    halved = [
        replace(one, setting=f"{one.setting}, half rate", kbps=one.kbps / 2) for one in plain if one.codec == "x264"
    ]
    (*_, alone), (*_, both) = compare_all(plain, ["x264"]), compare_all([*plain, *halved], ["x264"])
    assert alone.bd_rate_psnr.value == pytest.approx(-50)
    assert both.bd_rate_psnr.value == pytest.approx(0, abs=1e-6)


def test_the_row_beside_is_the_nearest_that_no_other_beats(row: RateRow) -> None:
    rates = {"crf 40": (9.0, 30.0), "crf 44, half rate": (7.2, 26.0), "crf 48": (6.5, 28.0), "crf 60": (2.0, 22.0)}
    rows = [
        replace(row, codec="svtav1", setting=setting, kbps=kbps, psnr_db=db) for setting, (kbps, db) in rates.items()
    ]
    beside = nearest([row, *rows], codec="svtav1", kbps=7.5)
    assert beside is rows[2]  # 7.2 kbps is nearer, and worse than 6.5
    assert nearest(rows, codec="svtav1", kbps=0.0) is rows[3]
    assert nearest([row], codec="svtav1", kbps=7.0) is None


def ladder(row: RateRow) -> list[RateRow]:
    """Facewire and an anchor that takes twice the bits, on two clips, and their freeze rows."""
    rows = []
    for name in ("a", "b"):
        rows.append(replace(row, clip=name, codec=FREEZE, setting="", kbps=0.0, psnr_db=24.0))
        for step in range(3):
            one = replace(
                row, clip=name, setting=f"qp {step}", kbps=5.0 * 2**step, psnr_db=25.0 + 3 * step,
                ms_ssim=0.8 + 0.05 * step, lpips=0.3 - 0.05 * step,
            )  # fmt: skip
            rows += [one, replace(one, codec="x264", setting=f"{step}", kbps=one.kbps * 2)]
    return rows


def test_every_clip_and_the_mean_are_compared(row: RateRow) -> None:
    comparisons = compare_all(ladder(row), ["x264", "vp9"])
    assert [(c.clip, c.anchor) for c in comparisons] == [(c, a) for c in ("a", "b", "mean") for a in ("x264", "vp9")]
    mean = comparisons[-2]
    assert mean.bd_rate_psnr.value == pytest.approx(-50)
    assert mean.bd_rate_ms_ssim.value == pytest.approx(-50)
    assert mean.bd_rate_lpips is not None
    assert mean.bd_rate_lpips.value == pytest.approx(-50)
    assert mean.bd_psnr_db.value == pytest.approx(3)
    assert reasons(comparisons)[0] == (
        "vp9 BD-rate (PSNR) n/a: anchor has fewer than 2 points of rising rate and quality"
    )
    assert len(comparison_table(comparisons).rows) == 6
    assert mean.bd_rate_psnr_below is None


def test_the_comparison_can_be_held_below_a_rate(row: RateRow) -> None:
    comparisons = compare_all(ladder(row), ["x264"], below_kbps=15)
    mean = comparisons[-1]
    assert mean.bd_rate_psnr_below is not None
    assert mean.bd_rate_psnr_below.value == pytest.approx(-50)
    assert mean.bd_rate_lpips_below is not None
    assert "below 15 kbps % (PSNR)" in [column.header for column in comparison_table(comparisons).columns]
    cheaper = compare_all(ladder(row), ["x264"], below_kbps=7)
    assert "x264 below 7 kbps (PSNR) n/a: anchor has no point below 7 kbps" in reasons(cheaper)


def test_both_ways_of_tuning_are_compared(row: RateRow) -> None:
    rows = ladder(row)
    tuned = [replace(one, codec=PERCEPTUAL, kbps=2 * one.kbps) for one in rows if one.codec == FACEWIRE]
    comparisons = compare_all([*rows, *tuned], ["x264"])
    assert [(one.codec, one.clip) for one in comparisons] == [
        (codec, clip) for codec in (FACEWIRE, PERCEPTUAL) for clip in ("a", "b", "mean")
    ]
    found = [one.bd_rate_psnr.value for one in comparisons if one.clip == "mean"]
    assert found == [pytest.approx(-50), pytest.approx(0, abs=1e-6)]


def test_without_lpips_it_is_not_compared(row: RateRow) -> None:
    rows = [replace(one, lpips=None) for one in ladder(row)]
    assert all(one.bd_rate_lpips is None for one in compare_all(rows, ["x264"]))


def test_the_gain_names_the_worst_clip(row: RateRow) -> None:
    base = replace(row, codec=BASE, psnr_db=26.0)
    frozen = [replace(row, clip=name, codec=FREEZE, psnr_db=db) for name, db in (("a", 20.0), ("b", 27.0))]
    (gain,) = gains([*frozen, base, replace(base, clip="b")])
    assert (gain.mean_db, gain.least_db, gain.least_clip) == (2.5, -1.0, "b")
    assert gain_line(gain) == (
        "facewire base layer, qp 32: 7.0 kbps, +2.50 dB over freezing frame 0 (least: -1.00 dB on b)"
    )
