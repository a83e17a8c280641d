"""All stages, a call as it is, which also notes what was shown and heard: an end of `python -m benchmarks soak`.

`python -m facewire.call.noted NOTES LOSS ...`, with the arguments of `facewire call` after those two, which
benchmarks.calls.soak.end describes.
"""

import sys
from collections.abc import Sequence

from benchmarks.calls.soak import end
from facewire.call.options import parse_arguments
from facewire.call.program import Program
from receiver.destinations import Destinations
from receiver.figures.terminal import Terminal


async def _call(arguments: Sequence[str], destinations: Destinations) -> None:
    options, sending, receiving = parse_arguments(arguments)
    terminal = Terminal(json_path=options.json, level=options.log_level)
    try:
        await Program(options, sending, receiving, terminal, destinations=destinations).run()
    finally:
        terminal.close()


if __name__ == "__main__":
    sys.exit(end.main(sys.argv[1:], _call))
