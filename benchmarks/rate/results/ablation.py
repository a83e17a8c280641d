"""Stage 10, meter (offline): what each part of facewire brings: the codec without it against the whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.rate.results.bdrate import Delta, bd_rate
from benchmarks.rate.results.rows import FACEWIRE, WITHOUT, RateRow, curve, mean_rows


@dataclass(frozen=True, slots=True)
class Ablation:
    """BD-rate in % of facewire without a part against the whole: positive is what the part saves, at equal quality.

    Over the mean curves of all clips; `least_psnr` and `most_psnr` are of the clips where it brings least and most.
    """

    part: str
    psnr: Delta
    ms_ssim: Delta
    lpips: Delta | None
    least_psnr: float | None
    most_psnr: float | None


def ablations(rows: Sequence[RateRow]) -> list[Ablation]:
    """One for each part that was left out, in the order of the rows."""
    names = dict.fromkeys(row.codec for row in rows if row.codec.startswith(WITHOUT))
    clips = list(dict.fromkeys(row.clip for row in rows))
    means = mean_rows(rows)
    return [_ablation(rows, means, clips, codec=name) for name in names]


def _ablation(rows: Sequence[RateRow], means: Sequence[RateRow], clips: Sequence[str], *, codec: str) -> Ablation:
    def delta(chosen: Sequence[RateRow], metric: str) -> Delta:
        return bd_rate(curve(chosen, codec=FACEWIRE, metric=metric), curve(chosen, codec=codec, metric=metric))

    each = [delta([row for row in rows if row.clip == clip], "psnr_db").value for clip in clips]
    known = [value for value in each if value is not None]
    has_lpips = all(row.lpips is not None for row in means)
    return Ablation(
        part=codec.removeprefix(WITHOUT),
        psnr=delta(means, "psnr_db"),
        ms_ssim=delta(means, "ms_ssim"),
        lpips=delta(means, "lpips") if has_lpips else None,
        least_psnr=min(known, default=None),
        most_psnr=max(known, default=None),
    )
