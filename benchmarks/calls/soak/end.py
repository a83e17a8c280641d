"""Stages 1 to 10, one end of a long call: the programs as they are, which also note what was shown and heard, and when.

`python -m benchmarks.calls.soak.end NOTES LOSS call|receive ...`, with the arguments of that program. NOTES is what the
names of three files begin with, which grow as the call does, so that the process does not; LOSS is the part of packets
that this end loses, each way.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np

from benchmarks.calls.sync.loss import losing
from benchmarks.calls.sync.marks import reduced
from benchmarks.calls.sync.run import WINDOW_S, loudness
from benchmarks.errors import BenchmarkError
from codec.errors import CodecError
from codec.sound import Samples
from facewire.call import options as call_options
from facewire.call.program import Program as Call
from receiver.__main__ import Program as Receiving
from receiver.__main__ import parse_arguments
from receiver.destinations import Destinations
from receiver.errors import ReceiverError
from receiver.figures.terminal import Terminal
from receiver.picture import Picture
from sender.errors import SenderError
from signaling.errors import SignalingError
from signaling.programs.ends import first_error

__all__ = ["HEARD", "NotingDestinations", "main"]

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


async def _run(program: str, arguments: Sequence[str], destinations: Destinations) -> None:
    if program == "call":
        calling, sending, receiving = call_options.parse_arguments(arguments)
        terminal = Terminal(json_path=calling.json, level=calling.log_level)
        running = Call(calling, sending, receiving, terminal, destinations=destinations).run()
    else:
        options, receiving = parse_arguments(arguments)
        terminal = Terminal(json_path=options.json, level=options.log_level)
        running = Receiving(options, receiving, terminal, destinations=destinations).run()
    try:
        await running
    finally:
        terminal.close()


def main(arguments: Sequence[str]) -> int:
    """Runs until it is told to stop. Returns 0, or 2 after one line that says what is wrong."""
    notes, loss, program, *rest = arguments
    problem = ""
    with ExitStack() as stack:
        if float(loss):
            stack.enter_context(losing(part=float(loss), seed=_SEED))
        shown, greys, heard = (
            stack.enter_context(Path(f"{notes}.{kind}").open("wb")) for kind in ("shown", "greys", "heard")
        )
        try:
            asyncio.run(_run(program, rest, NotingDestinations(shown, greys, heard)))
        except* (SignalingError, SenderError, ReceiverError, CodecError, BenchmarkError) as errors:
            problem = f"end: {first_error(errors)}"
    if problem:
        print(problem, file=sys.stderr)
    return 2 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
