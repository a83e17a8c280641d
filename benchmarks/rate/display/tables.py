"""Stage 10, display (offline): the rate-quality rows as tables in the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.rate.results.ablation import Ablation, ablations
from benchmarks.rate.results.bdrate import Delta
from benchmarks.rate.results.comparison import Comparison
from benchmarks.rate.results.rows import FACEWIRE, KEYPOINT_CODECS, MEAN, Gain, RateRow, gains, mean_rows

COLUMNS = ("codec", "setting", "kbps", "key", "ref", "motion", "wire", "back", "PSNR dB", "XPSNR", "VMAF", "SSIM",
           "MS-SSIM", "LPIPS", "identity", "landm %", "enc ms", "dec ms")  # fmt: skip
SPENDING = ("clip", "codec", "setting", "fps", "first keyframe B", "motion B/frame", "motion kbps", "at 25 fps")


def _optional(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _cells(row: RateRow) -> list[str]:
    rates = (row.kbps, row.keyframe_kbps, row.reference_kbps, row.motion_kbps, row.wire_kbps, row.wire_back_kbps)
    return [
        row.codec,
        row.setting,
        *(f"{rate:.1f}" for rate in rates),
        f"{row.psnr_db:.2f}",
        _optional(row.xpsnr_db, 2),
        _optional(row.vmaf, 1),
        f"{row.ssim:.3f}",
        f"{row.ms_ssim:.3f}",
        _optional(row.lpips, 3),
        _optional(row.identity, 3),
        _optional(row.landmark_percent, 2),
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


def spending_table(rows: Sequence[RateRow]) -> Table:
    """What the first picture and the motion cost, of the codecs that send motion: clip by clip, then the mean."""
    table = Table(title="first keyframe and motion, payload", title_justify="left")
    for name in SPENDING:
        table.add_column(name, justify="left" if name in SPENDING[:3] else "right", no_wrap=True)
    listed = [row for row in rows if row.codec in KEYPOINT_CODECS]
    for row, after in zip(listed, [*listed[1:], None], strict=True):
        table.add_row(
            row.clip,
            row.codec,
            row.setting,
            f"{row.fps:.1f}",
            f"{row.first_keyframe_bytes:.0f}",
            f"{row.motion_bytes_per_frame:.1f}",
            f"{row.motion_kbps:.2f}",
            f"{row.motion_kbps_at_25:.2f}",
            style="bold" if row.clip == MEAN else None,
            end_section=after is not None and after.clip != row.clip,
        )
    return table


def faceless_line(rows: Sequence[RateRow]) -> str:
    """On how many of the frames looked at identity and landmarks say nothing; empty where they were not measured."""
    by_clip = {row.clip: int(row.without_face) for row in rows if row.without_face is not None and row.clip != MEAN}
    if not by_clip:
        return ""
    some = ", ".join(f"{clip} {count}" for clip, count in by_clip.items() if count)
    return f"frames without a sure face in the original, left out of identity and landmarks: {some or 'none'}"


def gain_line(gain: Gain) -> str:
    """One setting's gain over freezing, in words."""
    return (
        f"{gain.codec}, {gain.setting}: {gain.kbps:.1f} kbps, {gain.mean_db:+.2f} dB over freezing frame 0"
        f" (least: {gain.least_db:+.2f} dB on {gain.least_clip})"
    )


def _deltas(one: Comparison) -> list[tuple[str, Delta | None]]:
    deltas = [
        ("BD-rate % (PSNR)", one.bd_rate_psnr),
        ("BD-rate % (XPSNR)", one.bd_rate_xpsnr),
        ("BD-rate % (VMAF)", one.bd_rate_vmaf),
        ("BD-rate % (MS-SSIM)", one.bd_rate_ms_ssim),
        ("BD-rate % (LPIPS)", one.bd_rate_lpips),
        ("BD-PSNR dB", one.bd_psnr_db),
    ]
    if one.below_kbps is not None:
        limit = f"below {one.below_kbps:g} kbps"
        deltas += [
            (f"{limit} % (PSNR)", one.bd_rate_psnr_below),
            (f"{limit} % (LPIPS)", one.bd_rate_lpips_below),
        ]
    return deltas


def comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """One codec of ours against each anchor, at equal payload quality and at equal payload rate."""
    codec = comparisons[0].codec
    title = f"{codec} against the anchors (payload; in brackets how much of facewire's curve, and of the anchor's)"
    table = Table(title=title, title_justify="left")
    for name in ("clip", "anchor"):
        table.add_column(name, no_wrap=True)
    for name, _ in _deltas(comparisons[0]):
        table.add_column(name, justify="right", no_wrap=True)
    for one in comparisons:
        cells = ("-" if delta is None else str(delta) for _, delta in _deltas(one))
        table.add_row(one.clip, one.anchor, *cells, style="bold" if one.clip == MEAN else None)
    return table


def ablation_table(found: Sequence[Ablation]) -> Table:
    """What facewire costs without each part, in % of the bits of the whole at equal quality."""
    title = "facewire without a part: BD-rate against the whole, % (in brackets how much of the curves is compared)"
    table = Table(title=title, title_justify="left")
    for name in ("without", "PSNR", "least, most of a clip", "MS-SSIM", "LPIPS"):
        table.add_column(name, justify="left" if name == "without" else "right", no_wrap=True)
    for one in found:
        clips = "-" if one.least_psnr is None else f"{one.least_psnr:+.1f}, {one.most_psnr:+.1f}"
        table.add_row(one.part, str(one.psnr), clips, str(one.ms_ssim), "-" if one.lpips is None else str(one.lpips))
    return table


def reasons(comparisons: Sequence[Comparison]) -> list[str]:
    """Why a comparison of the mean rows is n/a, one line each."""
    return [
        f"{_said_of(one)} {name.replace(' %', '').replace(' dB', '')} n/a: {delta.reason}"
        for one in comparisons
        if one.clip == MEAN
        for name, delta in _deltas(one)
        if delta is not None and delta.value is None
    ]


def _said_of(one: Comparison) -> str:
    return one.anchor if one.codec == FACEWIRE else f"{one.codec}: {one.anchor}"


def show_rate(rows: Sequence[RateRow], comparisons: Sequence[Comparison], console: Console) -> None:
    """All tables and lines of a run."""
    for clip in dict.fromkeys(row.clip for row in rows):
        console.print(rate_table([row for row in rows if row.clip == clip], title=clip))
    means = mean_rows(rows)
    clips = len({row.clip for row in rows})
    if clips > 1:
        console.print(rate_table(means, title=f"mean of {clips} clips"))
    if line := faceless_line(rows):
        console.print(line, highlight=False)
    console.print(spending_table([*rows, *(means if clips > 1 else [])]))
    for gain in gains(rows):
        console.print(gain_line(gain), highlight=False)
    for codec in dict.fromkeys(one.codec for one in comparisons):
        console.print(comparison_table([one for one in comparisons if one.codec == codec]))
    if without := ablations(rows):
        console.print(ablation_table(without))
    for line in reasons(comparisons):
        console.print(line, highlight=False)
    console.print(
        "kbps = key + ref + motion, payload. "
        "wire, back: a data-channel message of N bytes is N + 93 out and 93 back, an RTP packet N + 50."
    )
