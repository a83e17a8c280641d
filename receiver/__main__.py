"""Stages 6 to 10, command line: `python -m receiver`, which receives from one sender after another."""

from codec.program.interrupts import end_at_once

if __name__ == "__main__":
    end_at_once()  # while the rest is loaded

import asyncio
import sys
from collections.abc import Sequence

from codec.errors import CodecError
from codec.flags import Parser, add_flags, from_flags
from codec.program.interrupts import leave
from receiver.errors import ReceiverError
from receiver.figures.terminal import Terminal
from receiver.options import CallOptions, ReceiverOptions
from receiver.program import Program
from receiver.sfu.program import SfuProgram
from signaling.errors import OptionsError as BadOption
from signaling.errors import SignalingError
from signaling.printable import printable
from signaling.programs.diary import log_to_stderr
from signaling.programs.ends import first_error
from signaling.threads import Watch

__all__ = ["Program", "main", "parse_arguments"]


def parse_arguments(argv: Sequence[str] | None) -> tuple[CallOptions, ReceiverOptions]:
    """The options that the command line says. Exits with status 2 and one line when it makes no sense."""
    parser = Parser(
        prog="facewire-receive",
        description="Receives a face over WebRTC and shows or writes the reconstructed picture.",
    )
    add_flags(parser, CallOptions, title="the call")
    add_flags(parser, ReceiverOptions, title="receiving")
    parsed = parser.parse_args(argv)
    try:
        options, receiving = from_flags(CallOptions, parsed), from_flags(ReceiverOptions, parsed)
    except BadOption as error:
        parser.error(str(error))
    return options, receiving


def main(argv: Sequence[str] | None = None) -> int:
    """Receives until told to stop. Returns 0, 2 after one line that says what is wrong, 1 where a thread died."""
    options, receiving = parse_arguments(argv)
    log_to_stderr(options.log_level)
    problem = None
    with Watch(lambda text: print(f"facewire-receive: {text}", file=sys.stderr)) as watch:
        try:
            asyncio.run(_run(options, receiving, watch))
        except* (SignalingError, ReceiverError, CodecError) as errors:
            problem = printable(str(first_error(errors)), longest=600)
    if problem is not None:
        print(f"facewire-receive: {problem}", file=sys.stderr)
    return 2 if problem is not None else int(watch.died)


async def _run(options: CallOptions, receiving: ReceiverOptions, watch: Watch) -> None:
    watch.tasks(asyncio.get_running_loop())
    terminal = Terminal(json_path=options.json, level=options.log_level)
    try:
        await (SfuProgram if options.sfu else Program)(options, receiving, terminal).run()
    finally:
        terminal.close()


if __name__ == "__main__":
    leave(main())
