"""The demo: the command line, python -m benchmarks.demo, a whole call over loopback, keypoints beside H.264."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

from benchmarks.demo.options import parse_options
from benchmarks.demo.run import run
from benchmarks.errors import BenchmarkError
from codec.errors import CodecError

__all__ = ["main"]


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the demo as an interrupt does: through every block that has something to clean up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demo. Returns 0; 1 after one line that says what failed; 130 when interrupted."""
    options = parse_options(argv)
    try:
        with _terminable():
            run(options, Console(highlight=False))
    except (BenchmarkError, CodecError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
