"""Stage 10, display (offline): two results files side by side; python -m benchmarks compare.

They may be of old and new weights, on the same clips.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from benchmarks.errors import ResultsError
from benchmarks.flags import Commands
from benchmarks.rate.report import Run, read_run
from benchmarks.rate.results.bdrate import Delta, bd_rate
from benchmarks.rate.results.rows import FACEWIRE, FREEZE, KEYPOINT_CODECS, MEAN, RateRow, curve, mean_rows
from benchmarks.records.terminal import tables_console

SAME_DB = 0.005  # anchors that differ by more were not run alike


@dataclass(frozen=True, slots=True)
class Pair:
    """One setting on one clip, or in the mean over the clips of both runs."""

    old: RateRow
    new: RateRow


@dataclass(frozen=True, slots=True)
class NewAgainstOld:
    """BD-rate of the new curve against the old one; negative means fewer bits at equal quality."""

    clip: str
    psnr: Delta
    ms_ssim: Delta
    lpips: Delta | None


def _shared(old: Run, new: Run) -> tuple[list[RateRow], list[RateRow]]:
    """The rows of the clips that both have, each with its mean rows at the end. Raises ResultsError without any."""
    clips = {row.clip for row in old.rows} & {row.clip for row in new.rows}
    both = []
    for run in (old, new):
        rows = [row for row in run.rows if row.clip in clips]
        both.append([*rows, *mean_rows(rows)])
    if not clips:
        raise ResultsError(f"{old.name} and {new.name} have no clip in common")
    return both[0], both[1]


def pairs(old: Run, new: Run) -> list[Pair]:
    """Keypoint codecs' settings that both runs have, clip by clip, then the mean. Raises ResultsError without any."""
    old_rows, new_rows = _shared(old, new)
    before = {(row.clip, row.codec, row.setting): row for row in old_rows}
    found = [
        Pair(before[key], row)
        for row in new_rows
        if row.codec in KEYPOINT_CODECS and (key := (row.clip, row.codec, row.setting)) in before
    ]
    if not found:
        raise ResultsError(f"{old.name} and {new.name} have no setting in common")
    return found


def new_against_old(old: Run, new: Run) -> list[NewAgainstOld]:
    """BD-rates of all QPs of facewire, which need not be the same ones, clip by clip and on the mean rows."""
    old_rows, new_rows = _shared(old, new)

    def delta(clip: str, metric: str) -> Delta:
        before, after = (
            curve([row for row in rows if row.clip == clip], codec=FACEWIRE, metric=metric)
            for rows in (old_rows, new_rows)
        )
        return bd_rate(before, after)

    has_lpips = all(row.lpips is not None for row in (*old_rows, *new_rows))
    return [
        NewAgainstOld(
            clip=clip,
            psnr=delta(clip, "psnr_db"),
            ms_ssim=delta(clip, "ms_ssim"),
            lpips=delta(clip, "lpips") if has_lpips else None,
        )
        for clip in dict.fromkeys(row.clip for row in new_rows)
    ]


def warnings(old: Run, new: Run) -> list[str]:
    """What speaks against the comparison: other conditions, other clips under a name, anchors that came out anew."""
    said = [
        f"{name} was {before} in {old.name} and is {new.conditions[name]} in {new.name}"
        for name, before in old.conditions.items()
        if name != "clips" and before != new.conditions[name]
    ]
    if old.machine != new.machine and old.machine and new.machine:
        said.append(
            f"{old.name} was measured on another machine ({old.machine}) than {new.name} ({new.machine}): networks "
            "round differently there, and milliseconds say nothing"
        )
    hashes = new.conditions["clips"]
    said += [
        f"{clip} is another file in {new.name}"
        for clip, digest in old.conditions["clips"].items()
        if clip in hashes and hashes[clip] != digest
    ]
    fixed = {(r.clip, r.codec, r.setting): r.psnr_db for r in old.rows if r.codec in (FREEZE, *old.anchors)}
    keys = ((row, (row.clip, row.codec, row.setting)) for row in new.rows)
    moved = sorted({row.codec for row, key in keys if key in fixed and abs(fixed[key] - row.psnr_db) > SAME_DB})
    return [
        *said,
        *(f"{codec} has another PSNR in {new.name}: the clips or the coder are not the same" for codec in moved),
    ]


def _change(old: float | None, new: float | None, digits: int) -> str:
    if old is None or new is None:
        return "-"
    return f"{old:.{digits}f} -> {new:.{digits}f} ({new - old:+.{digits}f})"


def pair_table(found: Sequence[Pair]) -> Table:
    """Rate and qualities, old -> new (difference)."""
    table = Table(title="old -> new (difference), payload", title_justify="left")
    for name in ("clip", "codec", "setting"):
        table.add_column(name, no_wrap=True)
    for name in ("kbps", "motion B/frame", "PSNR dB", "LPIPS", "identity", "landm %"):
        table.add_column(name, justify="right", no_wrap=True)
    for pair, after in zip(found, [*found[1:], None], strict=True):
        old, new = pair.old, pair.new
        table.add_row(
            new.clip,
            new.codec,
            new.setting,
            _change(old.kbps, new.kbps, 2),
            _change(old.motion_bytes_per_frame, new.motion_bytes_per_frame, 1),
            _change(old.psnr_db, new.psnr_db, 2),
            _change(old.lpips, new.lpips, 3),
            _change(old.identity, new.identity, 3),
            _change(old.landmark_percent, new.landmark_percent, 2),
            style="bold" if new.clip == MEAN else None,
            end_section=after is not None and after.new.clip != new.clip,
        )
    return table


def bd_table(deltas: Sequence[NewAgainstOld]) -> Table:
    """BD-rates, new against old."""
    table = Table(
        title="BD-rate of new against old, % (in brackets how much of each curve)",
        title_justify="left",
    )
    for name in ("clip", "PSNR", "MS-SSIM", "LPIPS"):
        table.add_column(name, justify="left" if name == "clip" else "right", no_wrap=True)
    for one in deltas:
        cells = ("-" if delta is None else str(delta) for delta in (one.psnr, one.ms_ssim, one.lpips))
        table.add_row(one.clip, *cells, style="bold" if one.clip == MEAN else None)
    return table


def add_compare(commands: Commands) -> None:
    """Adds the subcommand."""
    parser = commands.add_parser("compare", help="two results files side by side: old and new weights")
    parser.add_argument("old", type=Path, metavar="OLD.json")
    parser.add_argument("new", type=Path, metavar="NEW.json")
    parser.set_defaults(run=compare)


def compare(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Prints the new results beside the old ones."""
    old, new = read_run(args.old), read_run(args.new)
    console = tables_console()
    console.print(f"old: {old.name}, weights {old.weights}\nnew: {new.name}, weights {new.weights}", highlight=False)
    console.print(pair_table(pairs(old, new)))
    console.print(bd_table(new_against_old(old, new)))
    for warning in warnings(old, new):
        console.print(f"careful: {warning}", highlight=False)
