"""Receiver, options: the frozen values a receiver is made with, and the flags made from them."""

import argparse
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args

from codec.config import CodecConfig, EngineName, Precision
from codec.units import SIZES
from receiver.errors import OptionError

__all__ = ["CallOptions", "ReceiverOptions", "add_flags", "from_flags"]

Options = TypeVar("Options")


def _flag(text: str, **argument: Any) -> dict[str, Any]:
    return {"help": text, **argument}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverOptions:
    """How pictures are received, whoever owns the connection. Raises OptionError on values out of range."""

    size: int = field(
        default=256,
        metadata=_flag(
            "side of the coded square to make ready for; the sender's keyframe decides", type=int, choices=SIZES
        ),
    )
    threads: int = field(
        default=0, metadata=_flag("threads of the networks; 0: as many as the machine suggests", type=int, metavar="N")
    )
    weights: str = field(
        default=CodecConfig().weights,
        metadata=_flag("weights by name, or a .safetensors file; those of the sender", metavar="NAME"),
    )
    engine: EngineName = field(
        default=CodecConfig().engine,
        metadata=_flag("what runs the networks; auto: OpenVINO, else torch", choices=get_args(EngineName)),
    )
    precision: Precision = field(
        default=CodecConfig().precision,
        metadata=_flag("of most networks; auto: int8, else bf16 or f32", choices=get_args(Precision)),
    )
    reorder_ms: int = field(
        default=10, metadata=_flag("shortest wait for a message that another has overtaken", type=int, metavar="MS")
    )
    margin_ms: int = field(
        default=5, metadata=_flag("playout delay beyond what the measured jitter asks for", type=int, metavar="MS")
    )
    longest_delay_ms: int = field(
        default=400, metadata=_flag("longest playout delay; what comes later is skipped", type=int, metavar="MS")
    )
    stall_ms: int = field(
        default=700, metadata=_flag("time without keypoints after which H.264 takes over", type=int, metavar="MS")
    )

    @property
    def codec(self) -> CodecConfig:
        """How pictures are decoded."""
        return CodecConfig(
            size=self.size,
            threads=self.threads,
            weights=self.weights,
            engine=self.engine,
            precision=self.precision,
        )

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise OptionError(f"size is {self.size}, not {' or '.join(map(str, SIZES))}")
        longest = {"reorder_ms": 1000, "margin_ms": 1000, "longest_delay_ms": 5000, "stall_ms": 60_000, "threads": 256}
        for name, limit in longest.items():
            if not 0 <= getattr(self, name) <= limit:
                raise OptionError(f"{name} is {getattr(self, name)}, not in 0..{limit}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """Where to meet the sender, and what to do with the pictures. Raises OptionError on nonsense."""

    signal: str = field(metadata=_flag("rendezvous server", metavar="ws://HOST:PORT"))
    room: str = field(metadata=_flag("name of the room to meet in", metavar="NAME"))
    output: str = field(
        default="window", metadata=_flag("window, FILE.mp4, or null (decode and meter only)", metavar="WHERE")
    )
    token: str = field(default="", metadata=_flag("the server's token, if it wants one"))
    stun: tuple[str, ...] = field(
        default=(), metadata=_flag("STUN server; may be repeated", action="append", metavar="stun:HOST:PORT")
    )
    turn: tuple[str, ...] = field(
        default=(),
        metadata=_flag("TURN server; may be repeated", action="append", metavar="turn:USER:PASSWORD@HOST:PORT"),
    )
    seconds: float | None = field(
        default=None, metadata=_flag("stop so many seconds after the first picture", type=float, metavar="N")
    )
    json: str = field(
        default="", metadata=_flag("append the meter as JSON lines to this file; -: to standard output", metavar="FILE")
    )
    record: Path | None = field(
        default=None,
        metadata=_flag(
            "write both codecs' pictures losslessly, with the sender's time stamps, to DIR/keypoints.mkv, DIR/h264.mkv",
            type=Path,
            metavar="DIR",
        ),
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


def add_flags(parser: argparse.ArgumentParser, options: type[Any], *, title: str) -> None:
    """Adds a flag for each field of the dataclass `options`, with its own default, under `title` in the help."""
    group = parser.add_argument_group(title)
    for item in fields(options):
        _add_flag(group, item)


def _add_flag(group: argparse._ArgumentGroup, item: "Field[Any]") -> None:
    argument = dict(item.metadata)
    if item.default is MISSING:
        argument["required"] = True
    else:
        argument["default"] = None if item.default == () else item.default  # argparse would append to the default
        if item.default not in (None, "", ()):
            argument["help"] += " (default: %(default)s)"
    group.add_argument("--" + item.name.replace("_", "-"), dest=item.name, **argument)


def from_flags(options: type[Options], parsed: argparse.Namespace) -> Options:
    """The dataclass `options` filled from parsed flags. Raises OptionError where it refuses a value."""
    values = {item.name: getattr(parsed, item.name) for item in fields(options)}  # type: ignore[arg-type]
    defaults = {item.name for item in fields(options) if item.default == ()}  # type: ignore[arg-type]
    return options(**{name: tuple(value or ()) if name in defaults else value for name, value in values.items()})
