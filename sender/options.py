"""Options of the sending end: one frozen dataclass; its command line is built from it."""

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from codec.config import CodecConfig, EngineName, Precision
from codec.units import MAX_QP, SIZES
from sender.errors import OptionsError

__all__ = ["SenderOptions", "parse_arguments"]

Mode = Literal["auto", "keypoints", "h264", "compare"]
Placement = Literal["auto", "face", "centre"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOptions:
    """All a sender can be told. Raises OptionsError on nonsense."""

    signal: str = field(
        default="ws://127.0.0.1:8765", metadata={"help": "rendezvous server", "metavar": "ws://HOST:PORT"}
    )
    room: str = field(default="facewire", metadata={"help": "name of the room to meet in", "metavar": "NAME"})
    token: str = field(default="", metadata={"help": "the server's token, if it wants one"})
    input: str = field(
        default="webcam:0",
        metadata={
            "help": "webcam:0, a FILE, rtsp://…, http(s)://…, screen: or screen:WxH+X+Y",
            "metavar": "SOURCE",
        },
    )
    threads: int = field(
        default=0, metadata={"help": "threads of the networks; 0: as many as the machine suggests", "metavar": "N"}
    )
    loop: bool = field(default=False, metadata={"help": "start a file again at its end"})
    stun: tuple[str, ...] = field(
        default=(), metadata={"help": "STUN server; may be repeated", "metavar": "stun:HOST:PORT"}
    )
    turn: tuple[str, ...] = field(
        default=(), metadata={"help": "TURN server; may be repeated", "metavar": "turn:USER:PASSWORD@HOST:PORT"}
    )
    mode: Mode = field(
        default="auto",
        metadata={"help": "auto changes to H.264 when keypoints cannot carry the picture; compare sends both"},
    )
    kbps: float = field(
        default=0.0,
        metadata={
            "help": "payload budget of the keypoint stream over any 5 s, 1 or more, in place of --qp; 0: --qp stays",
            "metavar": "N",
        },
    )
    h264_kbps: float = field(default=30.0, metadata={"help": "bitrate of the H.264 stream, 15 or more", "metavar": "N"})
    floor_db: float = field(
        default=20.0,
        metadata={"help": "auto: PSNR of the sender's own loop under which H.264 takes over", "metavar": "DB"},
    )
    bundle: int = field(
        default=4, metadata={"help": "frames a motion message: more save wire bits and cost delay", "metavar": "N"}
    )
    size: int = field(default=256, metadata={"help": "side of the coded square", "choices": SIZES})
    qp: int = field(
        default=34,
        metadata={"help": "quantiser, 0 (best) to 63 (fewest bits)", "metavar": "N"},
    )
    weights: str = field(
        default=CodecConfig().weights,
        metadata={"help": "weights by name, or a .safetensors file; the receiver needs the same", "metavar": "NAME"},
    )
    engine: EngineName = field(
        default=CodecConfig().engine,
        metadata={"help": "what runs the networks; auto: OpenVINO where it is installed, else torch"},
    )
    precision: Precision = field(
        default=CodecConfig().precision,
        metadata={"help": "of most networks; auto: int8 where the weights have ranges, else bf16 or f32"},
    )
    crop: Placement = field(
        default="auto",
        metadata={
            "help": "what is coded: the square around the face, or the centre square; auto: the face, "
            "but all of a picture that is square already"
        },
    )
    face_model: str = field(
        default="",
        metadata={"help": "YuNet face detector to use in place of the one that ships with OpenCV", "metavar": "ONNX"},
    )
    reference_kbps: float = field(
        default=240.0, metadata={"help": "most that reference pictures may take of the line at a time", "metavar": "N"}
    )
    json: str = field(
        default="",
        metadata={"help": "append the meters as JSON lines to this file; -: to standard output", "metavar": "FILE"},
    )
    seconds: float = field(
        default=0.0, metadata={"help": "stop after so many seconds of sending; 0: do not", "metavar": "N"}
    )

    def __post_init__(self) -> None:
        wrong = [text for is_wrong, text in self._checks() if is_wrong]
        if wrong:
            raise OptionsError("; ".join(wrong))

    def _checks(self) -> list[tuple[bool, str]]:
        return [
            (self.mode not in get_args(Mode), f"--mode {self.mode}: one of {', '.join(get_args(Mode))}"),
            (self.crop not in get_args(Placement), f"--crop {self.crop}: one of {', '.join(get_args(Placement))}"),
            (self.size not in SIZES, f"--size {self.size}: {' or '.join(map(str, SIZES))}"),
            (not 0 <= self.qp <= MAX_QP, f"--qp {self.qp}: 0 to {MAX_QP}"),
            (not 0 <= self.threads <= 256, f"--threads {self.threads}: 0 to 256"),
            (not 1 <= self.bundle <= 16, f"--bundle {self.bundle}: 1 to 16 frames"),
            (not (self.kbps == 0 or 1 <= self.kbps <= 100_000), f"--kbps {self.kbps:g}: 0, or 1 and more"),
            (not 15 <= self.h264_kbps <= 100_000, f"--h264-kbps {self.h264_kbps:g}: 15 or more"),
            (not 8 <= self.reference_kbps <= 100_000, f"--reference-kbps {self.reference_kbps:g}: 8 or more"),
            (not 0 <= self.floor_db <= 60, f"--floor-db {self.floor_db:g}: 0 to 60 dB"),
            (not self.seconds >= 0, f"--seconds {self.seconds:g}: 0 or more"),
        ]


def parse_arguments(arguments: Sequence[str] | None = None) -> SenderOptions:
    """The options that the command line says. Exits with status 2 and one line when it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="facewire-send",
        description="Sends a face over WebRTC as keypoints, with H.264 where that cannot work.",
    )
    for option in dataclasses.fields(SenderOptions):
        _add_flag(parser, option)
    parser.add_argument(
        "--compare", dest="mode", action="store_const", const="compare", help="the same as --mode compare"
    )
    values = vars(parser.parse_args(arguments))
    values["stun"], values["turn"] = tuple(values["stun"]), tuple(values["turn"])
    try:
        return SenderOptions(**values)
    except OptionsError as error:
        parser.error(str(error))


def _add_flag(parser: argparse.ArgumentParser, option: "dataclasses.Field[Any]") -> None:
    """One flag from one option: its name, default, type and help."""
    name, default = "--" + option.name.replace("_", "-"), option.default
    more = dict(option.metadata)
    text = more.pop("help")
    if isinstance(default, bool):
        parser.add_argument(name, action="store_true", help=text)
    elif isinstance(default, tuple):
        parser.add_argument(name, action="append", default=[], help=text, **more)
    else:
        if get_origin(option.type) is Literal:
            more["choices"] = get_args(option.type)
        shown = f"{text} (default: {default})" if default not in ("", 0.0) else text
        parser.add_argument(name, type=type(default), default=default, help=shown.replace("%", "%%"), **more)
