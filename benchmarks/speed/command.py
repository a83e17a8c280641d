"""Measuring speed: the command line, python -m benchmarks speed."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.clips.sample import SAMPLE
from benchmarks.flags import LEAST_WIDTH, picture_path, positive
from benchmarks.quality.metric_networks import NetFiles
from benchmarks.rate.report import write_json
from benchmarks.records.provenance import CALL_SOURCES, provenance
from benchmarks.speed.plot import plot_speed
from benchmarks.speed.report import read_speed, show_speed, speed_report
from benchmarks.speed.run import SpeedSettings, measure_speed
from codec import CodecConfig

ABOUT = """\
Times every part of the codec on real frames and holds it against its target: a frame at either end and by stage, both
ends of a call on the same cores, memory, the cold start, the size of the weights. Each figure comes from processes of
its own, held to --threads cores. docs/speed.md says what each row means.

examples:
  python -m benchmarks speed                                   the bundled clip, both sizes: about two minutes
  python -m benchmarks speed --seconds 2 --call-seconds 5      a quick look
  python -m benchmarks speed --size 256 --call-seconds 0       the codec alone, no calls
  python -m benchmarks speed a.mp4 b.mp4 --json speed.json --plot speed.png

Take figures on a machine that does nothing else: whatever runs beside it is measured, too.
"""


def add_speed(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the subcommand."""
    default = SpeedSettings()
    parser = commands.add_parser(
        "speed",
        help="milliseconds, frames a second, memory and start-up against their targets",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP", help="of faces (default: the bundled one)")
    parser.add_argument(
        "--size", dest="sizes", type=int, choices=(256, 512), action="append", help="may be repeated (default: both)"
    )
    parser.add_argument(
        "--seconds", type=float, default=default.seconds, help="of each clip through the codec (default %(default)g)"
    )
    parser.add_argument(
        "--call-seconds", type=float, default=default.call_seconds, metavar="SECONDS",
        help="of each call that count; 0: no calls (default %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--cold-runs", type=positive, default=default.cold_runs, metavar="N", help="starts timed (default %(default)s)"
    )
    parser.add_argument(
        "--threads", type=positive, default=default.threads, metavar="N",
        help="of the networks, and the cores that everything is held to (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=picture_path, metavar="FILE.png", help="stages, and figures against targets")
    parser.set_defaults(run=speed)


@contextmanager
def progress_of(total: int) -> Iterator[Callable[[str, float], None]]:
    """A bar on standard error over `total` pieces of work, each told by its name and how much of it is done."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # Twice a second: a bar that is drawn more often takes its share of the cores that are measured.
    with Progress(
        *columns, console=console, transient=True, refresh_per_second=2, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("starting", total=total)
        done: dict[str, float] = {}

        def tick(name: str, part: float) -> None:
            done[name] = part
            progress.update(task, description=name, completed=sum(done.values()))

        yield tick


def speed(args: argparse.Namespace, command: Sequence[str]) -> None:
    """Runs the speed benchmark and writes what was asked for."""
    clips: list[Path] = args.clips or [SAMPLE]
    settings = SpeedSettings(
        sizes=tuple(sorted(set(args.sizes))) if args.sizes else SpeedSettings().sizes,
        seconds=args.seconds,
        call_seconds=args.call_seconds,
        cold_runs=args.cold_runs,
        threads=args.threads,
    )
    origin = provenance(
        command,
        clips=clips,
        weights_name=CodecConfig().weights,
        nets=NetFiles(),
        jobs=1,
        sources=CALL_SOURCES,
    )
    with progress_of(settings.units(len(clips))) as tick:
        result = measure_speed(clips, settings, tick=tick)
    report: dict[str, Any] = speed_report(settings, result, provenance=origin)
    if args.json:
        write_json(args.json, report)
    run = read_speed(report)
    console = Console()
    show_speed(run, console if console.is_terminal else Console(width=LEAST_WIDTH))
    if args.plot:
        plot_speed(run, args.plot)
