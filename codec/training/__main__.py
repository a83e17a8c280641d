"""Training, command line: python -m codec.training DIR... --minutes N [--device cuda|cpu] [--resume CKPT]."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console

from codec.errors import CodecError, ConfigError
from codec.training.options import STAGES, TrainingOptions
from codec.training.train import Trainer


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line on stderr."""
    console = Console()
    try:
        options = _parse(arguments)
        if find_spec("matplotlib") is None:  # asked before hours of training, not after
            raise ConfigError("needs matplotlib for its curves: pip install 'facewire[train]'")
        path = Trainer(options, console=console).run()
    except CodecError as error:
        print(f"facewire training: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("facewire training: stopped; go on with --resume and the checkpoint", file=sys.stderr)
        return 130
    console.print(f"weights {path}, card {path.with_suffix('.md')}, log and plots beside them")
    return 0


def _parse(arguments: Sequence[str] | None) -> TrainingOptions:
    parser = argparse.ArgumentParser(
        prog="python -m codec.training",
        description="Train facewire's networks on folders of face clips. Clips may have landmark labels (labels.npz) "
        "beside them; without labels the extractor of the starting weights is kept. Stages: "
        + ", ".join(f"{name} ({share:.0%} of the time)" for name, share in STAGES.items())
        + ".",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders of face clips")
    for item in fields(TrainingOptions):
        if item.name != "folders":
            parser.add_argument(f"--{item.name.replace('_', '-')}", **_flag(item))
    values = vars(parser.parse_args(arguments))
    return TrainingOptions(**{**values, "folders": tuple(values["folders"])})


def _flag(item: Any) -> dict[str, Any]:
    """How argparse reads one field of the options."""
    assert item.default is not MISSING
    help_text = f"{item.metadata['help']} (default: {item.default})"
    if item.name == "stages":
        return {"type": lambda text: tuple(text.split(",")), "default": item.default, "help": help_text}
    kind = {"heldout": Path, "resume": Path, "perceptual": Path, "out": Path}.get(item.name, type(item.default))
    return {"type": kind, "default": item.default, "help": help_text}


if __name__ == "__main__":
    sys.exit(main())
