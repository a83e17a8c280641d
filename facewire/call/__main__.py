"""All stages, command line: `facewire call`, both directions and sound."""

from codec.program.interrupts import end_at_once

if __name__ == "__main__":
    end_at_once()  # while the rest is loaded

import asyncio
import sys
from collections.abc import Sequence
from functools import partial

from codec import CodecError
from codec.program.interrupts import leave
from facewire.call.cores import share_cores
from facewire.call.options import CallOptions, parse_arguments
from facewire.call.program import Program
from facewire.call.self_test import self_test
from receiver import ReceiverError, ReceiverOptions
from receiver.figures.terminal import Terminal
from sender import SenderError, SenderOptions
from signaling.errors import OptionsError, SignalingError
from signaling.printable import printable
from signaling.programs.diary import log_to_stderr
from signaling.programs.ends import first_error
from signaling.threads import Watch

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Calls until told to stop. Returns 0; 2 for options and signaling; 1 for a source, an output, the codec, a thread.

    Each with one line that says what is wrong. The self-test returns 0 or 1, and 130 where it is interrupted.
    """
    options, sending, receiving = parse_arguments(arguments)
    log_to_stderr(options.log_level)
    share_cores()
    if options.self_test:
        return _self_test(sending, receiving)
    problem: BaseException | None = None
    with Watch(lambda text: print(f"facewire call: {text}", file=sys.stderr)) as watch:
        try:
            asyncio.run(_run(options, sending, receiving, watch))
        except* (OptionsError, SignalingError, SenderError, ReceiverError, CodecError) as errors:
            problem = first_error(errors)
    if problem is None:
        return int(watch.died)
    print(f"facewire call: {printable(str(problem), longest=600)}", file=sys.stderr)
    return 2 if isinstance(problem, OptionsError | SignalingError) else 1


def _self_test(sending: SenderOptions, receiving: ReceiverOptions) -> int:
    try:
        return self_test(sending, receiving, say=partial(print, flush=True))
    except KeyboardInterrupt:
        print("facewire call: interrupted", file=sys.stderr)
        return 130


async def _run(options: CallOptions, sending: SenderOptions, receiving: ReceiverOptions, watch: Watch) -> None:
    watch.tasks(asyncio.get_running_loop())
    terminal = Terminal(json_path=options.json, level=options.log_level)
    try:
        await Program(options, sending, receiving, terminal).run()
    finally:
        terminal.close()


if __name__ == "__main__":
    leave(main())
