"""The front door as one command: `facewire call | doctor | send | receive | signal | encode | decode | ...`."""

from codec.program.interrupts import end_at_once, interrupt_again, leave

if __name__ == "__main__":
    end_at_once()  # while the rest is loaded

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import NoReturn

__all__ = ["codec", "main", "receive", "run", "send", "signal"]


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
    "turn-login": Command("signaling.programs.turn_login", (), "a login for your TURN server, good for some hours"),
    "encode": Command("codec.__main__", ("encode",), "a video into a .fw file"),
    "decode": Command("codec.__main__", ("decode",), "a .fw file into a video"),
    "info": Command("codec.__main__", ("info",), "what a .fw file holds, as JSON"),
    "bench": Command("benchmarks.__main__", (), "kbps against quality, speed, delay, engines", "bench"),
    "demo": Command("benchmarks.demo.__main__", (), "a call over loopback, beside H.264", "bench"),
}
_WHOLE_CODEC = Command("codec.__main__", (), "encode, decode and info as the script facewire-codec")
_USAGE = "usage: facewire COMMAND ...   (facewire COMMAND --help tells more)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Hands over to the program named first; its exit status, or 2 after one line where there is no such program."""
    command, *rest = [*(sys.argv[1:] if arguments is None else arguments)] or ["--help"]
    if command in ("-h", "--help"):
        print("\n".join([_USAGE, "", *(f"  {name:11}{one.help}" for name, one in COMMANDS.items())]))
        print(f"\n  {'--version':11} which facewire this is")
        return 0
    if command == "--version":
        from codec import __version__

        print(f"facewire {__version__}")
        return 0
    program = _WHOLE_CODEC if command == "codec" else COMMANDS.get(command)
    if program is None:
        print(f"facewire: no command {command!r}: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return _hand_over(command, program, rest)


def _hand_over(name: str, command: Command, arguments: list[str]) -> int:
    try:
        program = import_module(command.module)
    except ModuleNotFoundError as error:
        if not command.extra:
            raise
        print(f"facewire {name}: {error}: pip install 'facewire[{command.extra}]'", file=sys.stderr)
        return 2
    except ImportError as error:
        if ".so" not in str(error):  # a library of the system, which pip does not bring
            raise
        what = "apt-get install libgl1 libglib2.0-0, or pip install opencv-python-headless in place of opencv-python"
        print(f"facewire {name}: {error}: {what}", file=sys.stderr)
        return 2
    if command.extra:
        interrupt_again()  # those that measure end their processes themselves
    status: int = program.main([*command.before, *arguments])
    return status


def run() -> NoReturn:
    """The script `facewire`."""
    _run(sys.argv[1:])


def send() -> NoReturn:
    """The script `facewire-send`."""
    _run(["send", *sys.argv[1:]])


def receive() -> NoReturn:
    """The script `facewire-receive`."""
    _run(["receive", *sys.argv[1:]])


def signal() -> NoReturn:
    """The script `facewire-signal`."""
    _run(["signal", *sys.argv[1:]])


def codec() -> NoReturn:
    """The script `facewire-codec`."""
    _run(["codec", *sys.argv[1:]])


def _run(arguments: list[str]) -> NoReturn:
    """A program as a process: an interrupt ends it at once until it listens itself, and no thread is waited for."""
    end_at_once()
    status = main(arguments)
    if arguments and arguments[0] in COMMANDS and COMMANDS[arguments[0]].extra:
        sys.exit(status)  # after what they registered for their end
    leave(status)


if __name__ == "__main__":
    run()
