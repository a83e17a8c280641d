"""The front door as one command: `facewire call | doctor | send | receive | signal | encode | decode | ...`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

__all__ = ["main"]


@dataclass(frozen=True, slots=True)
class Command:
    """A program that there is: the module whose `main` it is, what is put before its arguments, and what it does."""

    module: str
    before: tuple[str, ...]
    help: str
    extra: str = ""  # what has to be installed besides


COMMANDS = {
    "call": Command("facewire.call.__main__", (), "your face and voice to a room, and theirs here"),
    "doctor": Command("facewire.doctor.__main__", (), "what of a call works from here, and what to do"),
    "send": Command("sender.__main__", (), "send a camera, file, stream or screen to a room"),
    "receive": Command("receiver.__main__", (), "show or write what is sent to a room"),
    "signal": Command("signaling.__main__", (), "the server at which two ends meet"),
    "encode": Command("codec.__main__", ("encode",), "a video into a .fw file"),
    "decode": Command("codec.__main__", ("decode",), "a .fw file into a video"),
    "info": Command("codec.__main__", ("info",), "what a .fw file holds, as JSON"),
    "bench": Command("benchmarks.__main__", (), "kbps against quality, speed, delay, engines", "bench"),
    "demo": Command("benchmarks.demo.__main__", (), "a call over loopback, beside H.264", "bench"),
}
_USAGE = "usage: facewire COMMAND ...   (facewire COMMAND --help tells more)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Hands over to the program named first; its exit status, or 2 after one line where there is no such program."""
    command, *rest = [*(sys.argv[1:] if arguments is None else arguments)] or ["--help"]
    if command in ("-h", "--help"):
        print("\n".join([_USAGE, "", *(f"  {name:9}{one.help}" for name, one in COMMANDS.items())]))
        print(f"\n  {'--version':9} which facewire this is")
        return 0
    if command == "--version":
        from codec import __version__

        print(f"facewire {__version__}")
        return 0
    if command not in COMMANDS:
        print(f"facewire: no command {command!r}: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return _hand_over(command, COMMANDS[command], rest)


def _hand_over(name: str, command: Command, arguments: list[str]) -> int:
    try:
        program = import_module(command.module)
    except ModuleNotFoundError as error:
        if not command.extra:
            raise
        print(f"facewire {name}: {error}: pip install 'facewire[{command.extra}]'", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # while it was being loaded
        print(f"facewire {name}: interrupted", file=sys.stderr)
        return 130
    status: int = program.main([*command.before, *arguments])
    return status


if __name__ == "__main__":
    sys.exit(main())
