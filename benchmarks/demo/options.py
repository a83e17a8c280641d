"""The demo's options: what is shown, how long, how, and where it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clips.sample import SAMPLE
from benchmarks.flags import add_size
from codec.flags import Parser


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What is shown, how long, how, and where it goes."""

    input: Path = SAMPLE
    seconds: float = 10.0
    out: Path = Path("out")
    size: int = 256
    h264_kbps: float = 30.0


def parse_options(argv: Sequence[str] | None) -> DemoOptions:
    """Of the command line. Ends the process where it is out of form."""
    defaults = DemoOptions()
    parser = Parser(prog="python -m benchmarks.demo", description="A call over loopback, side by side.")
    parser.add_argument("--input", type=Path, default=defaults.input, help="clip (default: the bundled sample)")
    parser.add_argument("--seconds", type=float, default=defaults.seconds, help="how much of it (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=defaults.out, help="where results go (default: %(default)s)")
    add_size(parser, default=defaults.size, help="side of the face square")
    parser.add_argument(
        "--h264-kbps", type=float, default=defaults.h264_kbps, help="bitrate of H.264 (default: %(default)s)"
    )
    options = DemoOptions(**vars(parser.parse_args(argv)))
    if options.seconds <= 0:
        parser.error(f"--seconds {options.seconds:g}: expected more than 0")
    return options
