"""Signaling, command line: `python -m signaling`, the rendezvous server, and tokens for its rooms."""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while the rest is loaded, an interrupt ends the process at once

import argparse
import asyncio
import logging
import ssl
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

from signaling.credentials import TOKEN_VARIABLE, token_from
from signaling.errors import BindError, OptionsError
from signaling.programs import room_token
from signaling.programs.ends import interrupts
from signaling.protocol.quantities import MOST_VIEWERS
from signaling.server.log import BoundedHandler
from signaling.server.rendezvous import SignalingServer, listening
from signaling.server.rooms import IDLE_TIMEOUT_S, RoomLimits
from signaling.server.settings import ServerSettings

__all__ = ["ServeOptions", "main"]

_LIMITS = RoomLimits()
_SETTINGS = ServerSettings()
_LEVELS = ("debug", "info", "warning", "error")


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


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000000")
    return int(text)


def _viewers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_VIEWERS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_VIEWERS}")
    return int(text)


def _flag(text: str, read: Callable[[str], object] = str, **argument: Any) -> dict[str, Any]:
    """Metadata of an option: what --help says, how the text is read, and what else argparse is told."""
    return {"help": text, "type": read, **argument}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """The command line of the server; the flags are made from these fields. Raises OptionsError on nonsense."""

    host: str = field(
        default="127.0.0.1", metadata=_flag("address to listen on; 0.0.0.0 or :: to be reached from other machines")
    )
    port: int = field(default=8765, metadata=_flag("TCP port; 0 chooses a free one", _port))
    token: str = field(
        default="",
        repr=False,
        metadata=_flag(
            "what both ends have to show; without it anybody who knows a room's name may come in. Others can list what "
            f"stands here: --token-file or {TOKEN_VARIABLE} in the environment keep it"
        ),
    )
    token_file: str = field(default="", metadata=_flag("file that holds the token", metavar="FILE"))
    cert: str = field(
        default="", metadata=_flag("certificate and its chain (PEM): the server speaks wss://", metavar="FILE")
    )
    key: str = field(default="", metadata=_flag("private key of --cert (PEM), if not in the same file", metavar="FILE"))
    idle_timeout_s: float = field(
        default=IDLE_TIMEOUT_S,
        metadata=_flag("seconds after which a room in which one end waits alone is closed", _duration),
    )
    rooms: int = field(default=_LIMITS.rooms, metadata=_flag("rooms at a time", _count))
    rooms_per_address: int = field(
        default=_LIMITS.rooms_per_address, metadata=_flag("rooms in which ends from one address may be", _count)
    )
    viewers: int = field(
        default=_LIMITS.viewers,
        metadata=_flag("receivers that a room seats before its sender has said how many it takes", _viewers),
    )
    connections_per_address: int = field(
        default=_SETTINGS.connections_per_address, metadata=_flag("connections from one address at a time", _count)
    )
    origin: tuple[str, ...] = field(
        default=(),
        metadata=_flag("web page that may connect; may be repeated; none may unless named", metavar="https://HOST"),
    )
    proxy: tuple[str, ...] = field(
        default=(),
        metadata=_flag(
            "address of a proxy of yours, whose X-Forwarded-For is believed; may be repeated", metavar="ADDRESS"
        ),
    )
    log_level: str = field(default="info", metadata=_flag("what is logged to standard error", choices=_LEVELS))

    @property
    def settings(self) -> ServerSettings:
        """What the server is made with."""
        return ServerSettings(
            limits=RoomLimits(
                idle_timeout_s=self.idle_timeout_s,
                rooms=self.rooms,
                rooms_per_address=self.rooms_per_address,
                viewers=self.viewers,
            ),
            connections_per_address=self.connections_per_address,
            origins=frozenset(self.origin),
            proxies=frozenset(self.proxy),
        )

    def tls(self) -> ssl.SSLContext | None:
        """What the server proves itself with; None without --cert. Raises OptionsError."""
        if not self.cert:
            if self.key:
                raise OptionsError("--key without --cert")
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            # A key that asks for a password is refused: nobody is there to type it.
            context.load_cert_chain(self.cert, self.key or None, password=lambda: "")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise OptionsError(f"--cert {self.cert}: no certificate and key that fit can be read ({reason})") from None
        return context


class _Parser(argparse.ArgumentParser):
    """One that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n")


def _options(argv: Sequence[str] | None) -> ServeOptions:
    parser = _Parser(prog="facewire-signal", description="Where facewire senders and receivers meet.")
    for option in fields(ServeOptions):
        argument = dict(option.metadata)
        if option.default == ():
            argument["action"] = "append"
        elif option.default:
            argument["help"] += f" (default: {option.default})"
        default = [] if option.default == () else option.default
        parser.add_argument("--" + option.name.replace("_", "-"), dest=option.name, default=default, **argument)
    values: dict[str, Any] = vars(parser.parse_args(argv))
    return ServeOptions(**values | {"origin": tuple(values["origin"]), "proxy": tuple(values["proxy"])})


async def _serve(options: ServeOptions, *, token: str | None, tls: ssl.SSLContext | None) -> None:
    """Serves until SIGINT or SIGTERM; prints the one line `listening on ws://HOST:PORT`. Raises BindError."""
    stop = asyncio.Event()
    server = SignalingServer(token=token, settings=options.settings)
    with interrupts(stop.set):
        async with listening(server, host=options.host, port=options.port, tls=tls) as url:
            print(f"listening on {url}", flush=True)
            await stop.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the server until it is interrupted, or prints a token. Returns 0, or 2 when it cannot do as it was told."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["token"]:
        return room_token.main(arguments[1:])
    options = _options(argv)
    logging.basicConfig(level=options.log_level.upper(), handlers=[BoundedHandler()])
    try:
        token = token_from(options.token, options.token_file) or None
        asyncio.run(_serve(options, token=token, tls=options.tls()))
    except (BindError, OptionsError) as error:
        print(f"facewire-signal: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
