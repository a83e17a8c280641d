"""Stages 6 to 10, the receiving end of a long call: the program as it is, which also notes what was shown and heard.

`python -m benchmarks.calls.soak.end NOTES LOSS ...`, with the arguments of `python -m receiver` after these. NOTES is
what the names of three files begin with, which grow as the call does, so that the process does not; LOSS is the part of
packets that this end loses, each way. `facewire.call.noted` is the same for a call of both ways.
"""

import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np

from benchmarks.calls.ends import run_end
from benchmarks.calls.sync.loss import losing
from benchmarks.calls.sync.marks import reduced
from benchmarks.calls.sync.run import WINDOW_S, loudness
from benchmarks.errors import BenchmarkError
from codec.errors import CodecError
from codec.sound import Samples
from receiver.__main__ import Program, parse_arguments
from receiver.destinations import Destinations
from receiver.errors import ReceiverError
from receiver.figures.terminal import Terminal
from receiver.picture import Picture
from sender.errors import SenderError
from signaling.errors import SignalingError

__all__ = ["HEARD", "NotingDestinations", "Runs", "main"]

HEARD = np.dtype([("at_us", "<i8"), ("level", "<f4")])  # of a window of sound
_SEED = 1


class NotingDestinations(Destinations):
    """Destinations that write of each picture when it was shown and a small copy, and of the sound how loud it was."""

    def __init__(self, shown: IO[bytes], greys: IO[bytes], heard: IO[bytes]) -> None:
        super().__init__()
        self._shown, self._greys, self._loud = shown, greys, heard
        self._is_first = True

    def show(self, picture: Picture) -> None:
        """A picture that is due."""
        if self._is_first:
            self._is_first = False
            print("first picture", flush=True)
        self._shown.write(np.int64(picture.shown_us).tobytes())
        self._greys.write(reduced(picture.rgb()).tobytes())
        super().show(picture)

    def _heard(self, samples: Samples, at_us: int) -> None:
        level = loudness(samples * 32767)
        notes = np.zeros(len(level), HEARD)
        notes["at_us"] = at_us + np.arange(len(level)) * round(WINDOW_S * 1e6)
        notes["level"] = level
        self._loud.write(notes.tobytes())
        super()._heard(samples, at_us)


Runs = Callable[[Sequence[str], Destinations], Coroutine[Any, Any, None]]  # a program, by its arguments


async def _receive(arguments: Sequence[str], destinations: Destinations) -> None:
    options, receiving = parse_arguments(arguments)
    terminal = Terminal(json_path=options.json, level=options.log_level)
    try:
        await Program(options, receiving, terminal, destinations=destinations).run()
    finally:
        terminal.close()


def main(arguments: Sequence[str], runs: Runs = _receive) -> int:
    """Runs until it is told to stop. Returns 0, or 2 after one line that says what is wrong."""
    notes, loss, *rest = arguments
    with ExitStack() as stack:
        if float(loss):
            stack.enter_context(losing(part=float(loss), seed=_SEED))
        shown, greys, heard = (
            stack.enter_context(Path(f"{notes}.{kind}").open("wb")) for kind in ("shown", "greys", "heard")
        )
        return run_end(
            runs(rest, NotingDestinations(shown, greys, heard)),
            name="end",
            refusals=(SignalingError, SenderError, ReceiverError, CodecError, BenchmarkError),
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
