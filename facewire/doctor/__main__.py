"""All stages, command line: `facewire doctor`, what of a call works from here."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence

from codec.flags import Parser, add_flags, from_flags
from codec.units import SIZES
from facewire.doctor import checks
from facewire.finding import Finding
from signaling.errors import OptionsError
from signaling.programs.diary import log_to_stderr
from signaling.programs.options import MeetingOptions

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries one thing after another and says what came of it. 0 where all that a call needs works, else 1; 2: flags."""
    parser = Parser(
        prog="facewire doctor",
        description="Says what of a call works from here, and what to do about the rest.",
    )
    add_flags(
        parser,
        MeetingOptions,
        title="the call",
        only=("signal", "token", "token_file", "ca", "stun", "turn", "log_level"),
    )
    parser.add_argument("--input", default="webcam:0", metavar="SOURCE", help="camera to try (default: %(default)s)")
    parser.add_argument("--size", type=int, choices=SIZES, default=256, help="side of the coded square")
    parser.set_defaults(room="doctor")
    parsed = parser.parse_args(arguments)
    try:
        options = from_flags(MeetingOptions, parsed)
        log_to_stderr(options.log_level)
        return asyncio.run(_run(options, camera=parsed.input, size=parsed.size))
    except OptionsError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("facewire doctor: interrupted", file=sys.stderr)
        return 130


async def _run(options: MeetingOptions, *, camera: str, size: int) -> int:
    failed = False
    async for finding in _findings(options, camera=camera, size=size):
        print(finding, flush=True)
        if not finding.works:
            print(f"      what to do: {finding.advice}", flush=True)
            failed = failed or finding.needed
    print("some of what a call needs does not work here" if failed else "all that a call needs works here")
    return int(failed)


async def _findings(options: MeetingOptions, *, camera: str, size: int) -> AsyncIterator[Finding]:
    yield checks.versions()
    yield await asyncio.to_thread(checks.codec_pace, size)
    yield await checks.camera(camera)
    yield await checks.microphone()
    yield await checks.loudspeaker()
    yield await checks.echo()
    yield await checks.window()
    yield await checks.rendezvous(options)
    for kind in ("srflx", "relay"):
        if (finding := await checks.relays(options, kind)) is not None:
            yield finding


if __name__ == "__main__":
    sys.exit(main())
