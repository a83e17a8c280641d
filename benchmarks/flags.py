"""Measuring: what the subcommands' flags have in common."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from codec.flags import Parser
from codec.units import SIZES

BELOW_KBPS = 12.0
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on, not {text!r}")
    return int(text)


def output_path(text: str) -> Path:
    """The name of a file to write: its folder is made, or it is refused, before hours of work."""
    path = Path(text)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written: {error.strerror}") from None
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written")
    return path


def picture_path(text: str) -> Path:
    """The name of a picture to write."""
    path = output_path(text)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} should end in one of {', '.join(PICTURE_SUFFIXES)}")
    return path


def add_timing(commands: Commands, name: str, *, says: str, about: str) -> argparse.ArgumentParser:
    """A subcommand that times something: `says` is its line among the commands, `about` its own page, kept as it is."""
    return commands.add_parser(
        name, help=says, description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip


def add_clips(parser: argparse.ArgumentParser, *, default: Path) -> None:
    """Any number of clips, or the default one."""
    parser.add_argument(
        "clips", nargs="*", type=Path, default=[default], metavar="CLIP", help="of faces (default: the bundled one)"
    )


def add_clip(parser: argparse.ArgumentParser, *, default: Path) -> None:
    """The clip that goes through a call."""
    parser.add_argument(
        "clip", nargs="?", type=Path, default=default, metavar="CLIP", help="of a face (default: the bundled one)"
    )


def add_size(parser: argparse.ArgumentParser, *, default: int, help: str | None = None) -> None:
    """`--size`, one of those that the codec knows."""
    parser.add_argument("--size", type=int, choices=SIZES, default=default, help=help)


def viewer_parser(module: str, *, about: str) -> argparse.ArgumentParser:
    """The flags of a receiver that a benchmark starts: where the call is, and where the meters of it go."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("--signal", required=True, metavar="ws://HOST:PORT")
    parser.add_argument("--room", required=True)
    add_size(parser, default=256)
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="where the meters go")
    return parser


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """`--size` as often as wanted; None for all."""
    parser.add_argument(
        "--size", dest="sizes", type=int, choices=SIZES, action="append", help="may be repeated (default: both)"
    )


def add_threads(parser: argparse.ArgumentParser, *, default: int, of: str) -> None:
    """`--threads`, which also says to how many cores a measurement is held."""
    parser.add_argument("--threads", type=positive, default=default, metavar="N", help=f"{of} (default %(default)s)")


def add_call_length(parser: argparse.ArgumentParser, *, seconds: float) -> None:
    """`--seconds` of each call of a benchmark that makes several."""
    parser.add_argument("--seconds", type=float, default=seconds, help="of each call that count (default %(default)g)")


def add_audience(parser: argparse.ArgumentParser, *, viewers: Sequence[int], seconds: float, fps: float) -> None:
    """`--viewers` as often as wanted, None for the usual ones; how long each call is, and how fast its clip."""
    parser.add_argument(
        "--viewers", type=positive, action="append", metavar="N",
        help=f"may be repeated (default: {', '.join(map(str, viewers))})",
    )  # fmt: skip
    add_call_length(parser, seconds=seconds)
    parser.add_argument("--fps", type=float, default=fps, help="at which the clip is played (%(default)g)")


def add_outputs(parser: argparse.ArgumentParser, *, plot: str) -> None:
    """`--json` and `--plot`; `plot` says what is drawn."""
    parser.add_argument("--json", type=output_path, metavar="FILE")
    parser.add_argument("--plot", type=picture_path, metavar="FILE.png", help=plot)


def add_below(parser: argparse.ArgumentParser) -> None:
    """`--below`, the rate under which curves are compared once more."""
    parser.add_argument(
        "--below", type=float, default=BELOW_KBPS, metavar="KBPS",
        help="BD-rate also over what both curves reach below this rate (default %(default)g)",
    )  # fmt: skip
