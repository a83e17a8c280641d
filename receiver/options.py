"""Receiver, options: the frozen values a receiver is made with, and the flags made from them."""

import argparse
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from receiver.errors import OptionError

__all__ = ["CallOptions", "ReceiverOptions", "add_flags", "from_flags"]

Options = TypeVar("Options")


def _option(default: Any = MISSING, *, help: str, **argument: Any) -> Any:
    return field(default=default, metadata={"help": help, **argument})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverOptions:
    """How pictures are received, whoever owns the connection. Raises OptionError on values out of range."""

    size: int = _option(256, type=int, help="side of the face square in pixels, as the sender codes it: 256 or 512")
    reorder_ms: int = _option(10, type=int, help="shortest wait for a message that another one has overtaken")
    margin_ms: int = _option(5, type=int, help="playout delay beyond what the measured jitter asks for")
    longest_delay_ms: int = _option(400, type=int, help="longest playout delay; what comes later is skipped")
    stall_ms: int = _option(700, type=int, help="time without keypoint pictures after which H.264 takes over")

    def __post_init__(self) -> None:
        if self.size not in (256, 512):
            raise OptionError(f"size is {self.size}, not 256 or 512")
        for name, longest in (("reorder_ms", 1000), ("margin_ms", 1000), ("longest_delay_ms", 5000), ("stall_ms", 60_000)):
            if not 0 <= getattr(self, name) <= longest:
                raise OptionError(f"{name} is {getattr(self, name)}, not in 0..{longest}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """Where to meet the sender, and what to do with the pictures. Raises OptionError on nonsense."""

    signal: str = _option(help="address of the rendezvous server, ws://HOST:PORT", metavar="URL")
    room: str = _option(help="name of the room to meet the sender in", metavar="NAME")
    output: str = _option("window", help="window, FILE.mp4, or null (pictures are decoded and metered only)")
    token: str = _option("", help="the rendezvous server's token")
    stun: tuple[str, ...] = _option((), nargs="*", metavar="URL", help="STUN servers, stun:HOST[:PORT]")
    turn: tuple[str, ...] = _option((), nargs="*", metavar="URL", help="TURN servers, turn:USER:PASSWORD@HOST[:PORT]")
    seconds: float | None = _option(None, type=float, help="stop after this time, counted from the first picture")
    json: Path | None = _option(None, type=Path, metavar="FILE", help="append the meter to this file, a JSON line a second")
    record: Path | None = _option(
        None,
        type=Path,
        metavar="DIR",
        help="write both codecs' pictures losslessly to DIR/keypoints.mkv and DIR/h264.mkv, with the sender's time stamps",
    )

    def __post_init__(self) -> None:
        if not self.signal.startswith(("ws://", "wss://")):
            raise OptionError(f"--signal {self.signal}: expected ws://HOST:PORT or wss://HOST:PORT")
        if not self.room:
            raise OptionError("--room is empty")
        if self.output not in ("window", "null") and not self.output.endswith(".mp4"):
            raise OptionError(f"--output {self.output}: expected window, null, or a file name that ends in .mp4")
        if self.seconds is not None and self.seconds <= 0:
            raise OptionError(f"--seconds {self.seconds:g}: expected more than 0")


def add_flags(parser: argparse.ArgumentParser, options: type[Any]) -> None:
    """Adds a flag for each field of the dataclass `options`, with the field's own default."""
    group = parser.add_argument_group(options.__name__)
    for item in fields(options):
        _add_flag(group, item)


def _add_flag(group: argparse._ArgumentGroup, item: "Field[Any]") -> None:
    argument = dict(item.metadata)
    if item.default is MISSING:
        argument["required"] = True
    else:
        argument["default"] = item.default
        if item.default not in (None, "", ()):
            argument["help"] += " (default: %(default)s)"
    group.add_argument("--" + item.name.replace("_", "-"), dest=item.name, **argument)


def from_flags(options: type[Options], parsed: argparse.Namespace) -> Options:
    """The dataclass `options` filled from parsed flags. Raises OptionError where it refuses a value."""
    values = {item.name: getattr(parsed, item.name) for item in fields(options)}  # type: ignore[arg-type]
    return options(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
