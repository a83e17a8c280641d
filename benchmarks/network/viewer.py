"""Stages 6 to 10, the receiving program as it is, which also notes when each picture was shown, and keeps some.

`python -m benchmarks.network.viewer PICTURES FOLDER ...`, with the arguments of `python -m receiver` after the two.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from benchmarks.calls.ends import run_end
from benchmarks.network.fidelity import Keeper
from codec.errors import CodecError
from receiver.__main__ import Program, parse_arguments
from receiver.destinations import Destinations
from receiver.errors import ReceiverError
from receiver.figures.terminal import Terminal
from receiver.picture import Picture
from receiver.sfu.program import SfuProgram
from signaling.errors import SignalingError

__all__ = ["main"]


class NotingDestinations(Destinations):
    """Destinations that write a line for each picture: kind, pts, when it was shown (us), 1 if it is a mixture."""

    def __init__(self, notes: TextIO, keeper: Keeper) -> None:
        super().__init__()
        self._notes, self._keeper = notes, keeper

    def show(self, picture: Picture) -> None:
        """A picture that is due."""
        self._notes.write(f"{picture.kind} {picture.pts} {picture.shown_us} {int(picture.mixed)}\n")
        if not picture.mixed:
            self._keeper.see(picture.pts, picture.source)
        super().show(picture)


async def _view(arguments: Sequence[str], notes: TextIO, keeper: Keeper) -> None:
    options, receiving = parse_arguments(arguments)
    terminal = Terminal(json_path=options.json)
    try:
        program = SfuProgram if options.sfu else Program
        await program(options, receiving, terminal, destinations=NotingDestinations(notes, keeper)).run()
    finally:
        terminal.close()


def main(arguments: Sequence[str]) -> int:
    """Receives until it is told to stop. Returns 0, or 2 after one line that says what is wrong."""
    with Path(arguments[0]).open("w", encoding="utf-8", buffering=1) as notes:
        refusals = (SignalingError, ReceiverError, CodecError)
        return run_end(_view(arguments[2:], notes, Keeper(Path(arguments[1]))), name="viewer", refusals=refusals)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
