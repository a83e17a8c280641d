"""Stage 10, meter (offline): facewire against each anchor, where their curves overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.rate.results.bdrate import Delta, bd_quality, bd_rate
from benchmarks.rate.results.rows import FACEWIRE, MEAN, PERCEPTUAL, RateRow, curve, mean_rows


@dataclass(frozen=True, slots=True)
class Comparison:
    """Facewire against one anchor on one clip (or on the mean rows). Payload rates."""

    clip: str
    anchor: str
    bd_psnr_db: Delta
    bd_rate_psnr: Delta
    bd_rate_ms_ssim: Delta
    bd_rate_lpips: Delta | None
    below_kbps: float | None  # the limit of the next two
    bd_rate_psnr_below: Delta | None
    bd_rate_lpips_below: Delta | None
    bd_rate_xpsnr: Delta | None = None
    bd_rate_vmaf: Delta | None = None
    codec: str = FACEWIRE  # or as it is tuned otherwise


def compare(
    rows: Sequence[RateRow], *, clip: str, anchor: str, below_kbps: float | None = None, codec: str = FACEWIRE
) -> Comparison:
    """`rows` are those of one clip, or the mean rows."""

    def delta(metric: str, limit: float | None = None) -> Delta:
        return bd_rate(
            curve(rows, codec=anchor, metric=metric), curve(rows, codec=codec, metric=metric), below_kbps=limit
        )

    def optional(metric: str, limit: float | None = None) -> Delta | None:
        return delta(metric, limit) if all(getattr(row, metric) is not None for row in rows) else None

    return Comparison(
        clip=clip,
        anchor=anchor,
        bd_psnr_db=bd_quality(curve(rows, codec=anchor, metric="psnr_db"), curve(rows, codec=codec, metric="psnr_db")),
        bd_rate_psnr=delta("psnr_db"),
        bd_rate_ms_ssim=delta("ms_ssim"),
        bd_rate_lpips=optional("lpips"),
        bd_rate_xpsnr=optional("xpsnr_db"),
        bd_rate_vmaf=optional("vmaf"),
        below_kbps=below_kbps,
        bd_rate_psnr_below=None if below_kbps is None else delta("psnr_db", below_kbps),
        bd_rate_lpips_below=None if below_kbps is None else optional("lpips", below_kbps),
        codec=codec,
    )


def compare_all(
    rows: Sequence[RateRow], anchors: Sequence[str], *, below_kbps: float | None = None
) -> list[Comparison]:
    """Every anchor on every clip, then on the mean rows; then the same as facewire is tuned otherwise."""
    names = list(dict.fromkeys(row.clip for row in rows))
    groups = [(name, [row for row in rows if row.clip == name]) for name in names]
    groups.append((MEAN, mean_rows(rows)))
    codecs = [codec for codec in (FACEWIRE, PERCEPTUAL) if any(row.codec == codec for row in rows)]
    return [
        compare(group, clip=name, anchor=anchor, below_kbps=below_kbps, codec=codec)
        for codec in codecs
        for name, group in groups
        for anchor in anchors
    ]
