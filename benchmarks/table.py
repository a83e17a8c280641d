"""Stage 10, display (offline): the rate-quality rows as tables in the terminal."""

from collections.abc import Sequence

from rich.table import Table

from benchmarks.rows import MEAN, Comparison, Gain, RateRow

COLUMNS = ("codec", "setting", "kbps", "key", "ref", "motion", "wire", "back", "PSNR dB", "SSIM", "MS-SSIM", "LPIPS",
           "enc ms", "dec ms")  # fmt: skip


def _cells(row: RateRow) -> list[str]:
    rates = (row.kbps, row.keyframe_kbps, row.reference_kbps, row.motion_kbps, row.wire_kbps, row.wire_back_kbps)
    return [
        row.codec,
        row.setting,
        *(f"{rate:.1f}" for rate in rates),
        f"{row.psnr_db:.2f}",
        f"{row.ssim:.3f}",
        f"{row.ms_ssim:.3f}",
        "-" if row.lpips is None else f"{row.lpips:.3f}",
        f"{row.encode_ms:.1f}",
        f"{row.decode_ms:.1f}",
    ]


def rate_table(rows: Sequence[RateRow], *, title: str) -> Table:
    """One clip's rows, or the mean rows. A line is drawn where the codec changes."""
    table = Table(title=title, title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in COLUMNS[:2] else "right", no_wrap=True)
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        table.add_row(*_cells(row), end_section=after is not None and after.codec != row.codec)
    return table


def gain_line(gain: Gain) -> str:
    """One setting's gain over freezing, in words."""
    return (
        f"{gain.codec}, {gain.setting}: {gain.kbps:.1f} kbps, {gain.mean_db:+.2f} dB over freezing frame 0"
        f" (least: {gain.least_db:+.2f} dB on {gain.least_clip})"
    )


def comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """Ours against each anchor, at equal payload quality and at equal payload rate."""
    table = Table(title="facewire against the anchors (payload; in brackets how much of our curve is compared)",
                  title_justify="left")  # fmt: skip
    for name in ("clip", "anchor", "BD-rate % (PSNR)", "BD-rate % (MS-SSIM)", "BD-rate % (LPIPS)", "BD-PSNR dB"):
        table.add_column(name, justify="left" if name in ("clip", "anchor") else "right", no_wrap=True)
    for one in comparisons:
        deltas = (one.bd_rate_psnr, one.bd_rate_ms_ssim, one.bd_rate_lpips, one.bd_psnr_db)
        cells = ("-" if delta is None else str(delta) for delta in deltas)
        table.add_row(one.clip, one.anchor, *cells, style="bold" if one.clip == MEAN else None)
    return table


def reasons(comparisons: Sequence[Comparison]) -> list[str]:
    """Why a comparison of the mean rows is n/a, one line each."""
    lines = []
    for one in comparisons:
        named = (
            ("BD-rate (PSNR)", one.bd_rate_psnr),
            ("BD-rate (MS-SSIM)", one.bd_rate_ms_ssim),
            ("BD-rate (LPIPS)", one.bd_rate_lpips),
            ("BD-PSNR", one.bd_psnr_db),
        )
        if one.clip == MEAN:
            lines += [f"{one.anchor} {name} n/a: {d.reason}" for name, d in named if d is not None and d.value is None]
    return lines
