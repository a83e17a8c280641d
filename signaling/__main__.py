"""Signaling, command line: `python -m signaling`, the rendezvous server."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from signaling.errors import BindError
from signaling.rooms import IDLE_TIMEOUT_S
from signaling.server import run_server

__all__ = ["ServeOptions", "main"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """The command line of the server; the flags are made from these fields."""

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    idle_timeout_s: float = IDLE_TIMEOUT_S


_HELP = {
    "host": "address to listen on; 0.0.0.0 to be reached from other machines",
    "port": "TCP port; 0 chooses a free one",
    "token": "what both ends have to show; without it anybody who knows a room's name may come in",
    "idle_timeout_s": "seconds after which a room in which one end waits alone is closed",
}


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(text)


def _duration(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _options(argv: Sequence[str] | None) -> ServeOptions:
    kinds: dict[str, Callable[[str], object]] = {"host": str, "port": _port, "token": str, "idle_timeout_s": _duration}
    parser = argparse.ArgumentParser(prog="facewire-signal", description="Where facewire senders and receivers meet.")
    for option in fields(ServeOptions):
        flag = "--" + option.name.replace("_", "-")
        shown = "" if option.default is None else f" (default: {option.default})"
        parser.add_argument(flag, type=kinds[option.name], default=option.default, help=_HELP[option.name] + shown)
    return ServeOptions(**vars(parser.parse_args(argv)))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the server until it is interrupted. Returns 0, or 2 when it cannot listen."""
    options = _options(argv)
    try:
        asyncio.run(run_server(options.host, options.port, token=options.token, idle_timeout_s=options.idle_timeout_s))
    except BindError as error:
        print(f"facewire-signal: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
