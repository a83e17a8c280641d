"""Training, command line: python -m codec.training [prepare | finish | faces] DIR... --minutes N."""

import argparse
import os
import sys
import time
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from codec.errors import CodecError
from codec.flags import add_flags, from_flags

try:
    from codec.training.face import command as faces
    from codec.training.materials import gather, prepare
    from codec.training.options import STAGES, TrainingOptions
    from codec.training.results import finish as outputs
    from codec.training.train import Trainer
except ModuleNotFoundError as missing:
    raise SystemExit(f"python -m codec.training: {missing}: pip install 'facewire[train]'") from None

_COMMANDS = ("prepare", "train", "finish")
_DESCRIPTION = """\
Train facewire's networks on folders of face clips.

  python -m codec.training prepare DIR... --shards FOLDER    code references once; needs PyAV, as finish does
  python -m codec.training DIR... [--shards FOLDER] ...      train; then finish, unless told or forced to stop before
  python -m codec.training finish DIR... --out FOLDER        count tables, score, write model.safetensors and its card
  python -m codec.training faces DIR... --out FOLDER         landmarks, mouth and eyes: see its --help

Clips may have landmark labels (labels.npz) beside them; without, the extractor of the starting weights is kept.
"""
_EPILOG = """\
examples:
  a small run on a CPU       python -m codec.training clips --minutes 30
  one large GPU              python -m codec.training prepare clips more --shards shards
                             python -m codec.training clips more --shards shards --device cuda --batch 128 \\
                                 --rate 6e-4 --per-clip 0 --minutes 60 --limit-s 570 --resume auto
                             and the last line again until it says that the minutes are over
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line on stderr."""
    started = time.monotonic() - _age_s() if arguments is None else time.monotonic()
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["faces"]:
        return faces.main(arguments[1:])
    console = Console()
    try:
        command, options = _parse(arguments)
        if command == "prepare":
            written = prepare(options, console=console)
            console.print(f"shards written: {', '.join(map(str, written)) or 'none, all are there'}")
        else:
            _train(command, options, console, started)
    except CodecError as error:
        print(f"facewire training: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("facewire training: stopped; go on with --resume auto", file=sys.stderr)
        return 130
    return 0


def _train(command: str, options: TrainingOptions, console: Console, started: float) -> None:
    """Trains, unless the command is to finish; finishes what has had its minutes."""
    if find_spec("matplotlib") is None:
        console.print("no matplotlib, so no curves.png; log.json has what it would show: pip install 'facewire[train]'")
    materials = gather(options, console=console)
    if command == "train":
        checkpoint = options.out / "checkpoint.pt"
        if not Trainer(materials, started=started).run():
            console.print(
                f"the limit of {options.limit_s:g} s is here, {checkpoint} is whole; go on with --resume auto"
            )
            return
        if options.skip_finish:
            console.print(f"the minutes are over: {checkpoint} waits for `finish`")
            return
    path = outputs.finish(materials)
    console.print(f"weights {path}, card {path.with_suffix('.md')}, log and plots beside them")


def _parse(arguments: Sequence[str]) -> tuple[str, TrainingOptions]:
    shares = ", ".join(f"{name} ({share:.0%} of the time)" for name, share in STAGES.items())
    parser = argparse.ArgumentParser(
        prog="python -m codec.training",
        description=f"{_DESCRIPTION}Stages: {shares}.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    command = arguments[0] if arguments and arguments[0] in _COMMANDS else "train"
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders of face clips")
    add_flags(parser, TrainingOptions, only=[item.name for item in fields(TrainingOptions) if item.name != "folders"])
    parsed = parser.parse_args(arguments[1:] if arguments and arguments[0] == command else arguments)
    return command, from_flags(TrainingOptions, parsed)


def _age_s() -> float:
    """Seconds since this process was started: importing the networks' library is part of a limit of wall time."""
    try:
        stat = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
        up_s = float(Path("/proc/uptime").read_text().split()[0])
        return min(60.0, max(0.0, up_s - int(stat[19]) / os.sysconf("SC_CLK_TCK")))
    except (OSError, ValueError, IndexError):
        return time.process_time()


if __name__ == "__main__":
    sys.exit(main())
