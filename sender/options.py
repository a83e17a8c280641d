"""Options of the sending end: what an application can say of coding, and what the program asks besides."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from codec.config import CodecConfig, EngineName, Precision, Tune
from codec.flags import Parser, add_flags, from_flags, option
from codec.units import MAX_QP, SIZES
from sender.errors import OptionsError
from sender.sound.open import MICROPHONE_HELP
from signaling.errors import OptionsError as BadOption
from signaling.programs.options import MeetingOptions
from signaling.protocol.quantities import MOST_VIEWERS
from signaling.sfu.address import sfu_url

__all__ = ["CallOptions", "SenderOptions", "parse_arguments"]

Mode = Literal["auto", "keypoints", "h264", "compare"]
Placement = Literal["auto", "face", "centre"]
_DEFAULT = CodecConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderOptions:
    """How a face is coded and sent, whoever owns the connection. Raises OptionsError on nonsense."""

    mode: Mode = field(
        default="auto",
        metadata=option("auto changes to H.264 when keypoints cannot carry the picture; compare sends both"),
    )
    size: int = field(default=_DEFAULT.size, metadata=option("side of the coded square", choices=SIZES))
    qp: int = field(default=_DEFAULT.qp, metadata=option("quantiser, 0 (best) to 63 (fewest bits)"))
    kbps: float = field(
        default=0.0,
        metadata=option(
            "payload budget of the keypoint stream over any 5 s, 1 or more, in place of --qp; 0: --qp stays"
        ),
    )
    tune: Tune = field(
        default=_DEFAULT.tune,
        metadata=option(
            "psnr: the fewest errors for the bits; perceptual: finer references, less often, which look more like you"
        ),
    )
    bundle: int = field(
        default=_DEFAULT.bundle,
        metadata=option("frames a motion message: more save wire bits and cost delay"),
    )
    h264_kbps: float = field(default=30.0, metadata=option("bitrate of the H.264 stream, 15 or more"))
    max_kbps: float = field(
        default=400.0, metadata=option("most that all of it may take on the wire, whatever the line carries: 8 or more")
    )
    min_kbps: float = field(
        default=8.0, metadata=option("least that it takes, however little the line seems to carry: 6 or more")
    )
    floor_db: float = field(
        default=20.0,
        metadata=option("auto: PSNR of the sender's own loop under which H.264 takes over", metavar="DB"),
    )
    sound_kbps: float = field(default=8.0, metadata=option("bitrate of the voice, where one is sent: 6 to 24"))
    reference_kbps: float = field(
        default=240.0, metadata=option("most that reference pictures may take of the line at a time")
    )
    crop: Placement = field(
        default="auto",
        metadata=option(
            "what is coded: the square around the face, or the centre square; auto: the face, "
            "but all of a picture that is square already"
        ),
    )
    face_model: str = field(
        default="",
        metadata=option("YuNet face detector to use in place of the one that ships with OpenCV", metavar="ONNX"),
    )
    weights: str = field(
        default=_DEFAULT.weights,
        metadata=option("weights by name, or a .safetensors file; the receiver needs the same"),
    )
    engine: EngineName = field(
        default=_DEFAULT.engine,
        metadata=option("what runs the networks; auto: OpenVINO where it is installed, else torch"),
    )
    precision: Precision = field(
        default=_DEFAULT.precision,
        metadata=option("of most networks; auto: int8 where the weights have ranges, else bf16 or f32"),
    )
    threads: int = field(
        default=_DEFAULT.threads, metadata=option("threads of the networks; 0: as many as the machine suggests")
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
            (self.tune not in get_args(Tune), f"--tune {self.tune}: one of {', '.join(get_args(Tune))}"),
            (not 0 <= self.qp <= MAX_QP, f"--qp {self.qp}: 0 to {MAX_QP}"),
            (not 0 <= self.threads <= 256, f"--threads {self.threads}: 0 to 256"),
            (not 1 <= self.bundle <= 16, f"--bundle {self.bundle}: 1 to 16 frames"),
            (not (self.kbps == 0 or 1 <= self.kbps <= 100_000), f"--kbps {self.kbps:g}: 0, or 1 and more"),
            (not 15 <= self.h264_kbps <= 100_000, f"--h264-kbps {self.h264_kbps:g}: 15 or more"),
            (not 8 <= self.reference_kbps <= 100_000, f"--reference-kbps {self.reference_kbps:g}: 8 or more"),
            (not 6 <= self.sound_kbps <= 24, f"--sound-kbps {self.sound_kbps:g}: 6 to 24"),
            (not 8 <= self.max_kbps <= 100_000, f"--max-kbps {self.max_kbps:g}: 8 or more"),
            (not 6 <= self.min_kbps <= self.max_kbps, f"--min-kbps {self.min_kbps:g}: 6 to --max-kbps"),
            (not 0 <= self.floor_db <= 60, f"--floor-db {self.floor_db:g}: 0 to 60 dB"),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions(MeetingOptions):
    """What the program is told besides: where to meet the receiver, and what to send. Raises OptionsError."""

    input: str = field(
        default="webcam:0",
        metadata=option(
            "webcam:0, a FILE, - (standard input), rtsp://…, http(s)://…, screen: or screen:WxH+X+Y", metavar="SOURCE"
        ),
    )
    microphone: str = field(default="none", metadata=option(MICROPHONE_HELP, metavar="SOURCE"))
    viewers: int = field(
        default=1,
        metadata=option(
            "receivers at a time, 1 to 32; more than one get keypoints and the voice, coded once for all, without H.264"
        ),
    )
    sfu: str = field(
        default="",
        metadata=option(
            "send once, through a Janus, to any number of receivers with the same --sfu and --room: keypoints and "
            "sound, no H.264; in place of --signal",
            metavar="janus:ws://HOST:PORT",
        ),
    )
    loop: bool = field(default=False, metadata=option("start a file again at its end"))
    follow: bool = field(
        default=False,
        metadata=option("let the input name others: playlists (HLS, DASH), redirects; it may then reach any host"),
    )
    stream: int | None = field(
        default=None,
        metadata=option("which stream of the input, counted from 0; default: the one ffmpeg would pick", metavar="N"),
    )
    seconds: float = field(default=0.0, metadata=option("stop after so many seconds of sending; 0: do not"))
    json: str = field(
        default="",
        metadata=option("append the meters as JSON lines to this file; -: to standard output", metavar="FILE"),
    )

    @property
    def server(self) -> str:
        """See MeetingOptions."""
        return sfu_url(self.sfu) if self.sfu else self.signal

    def __post_init__(self) -> None:
        MeetingOptions.__post_init__(self)
        if self.sfu and self.viewers > 1:
            raise OptionsError(f"--sfu with --viewers {self.viewers}: through an SFU any number may watch")
        if not self.seconds >= 0:
            raise OptionsError(f"--seconds {self.seconds:g}: 0 or more")
        if not 1 <= self.viewers <= MOST_VIEWERS:
            raise OptionsError(f"--viewers {self.viewers}: 1 to {MOST_VIEWERS}")
        if self.stream is not None and self.stream < 0:
            raise OptionsError(f"--stream {self.stream}: 0 or more")


def parse_arguments(arguments: Sequence[str] | None = None) -> tuple[CallOptions, SenderOptions]:
    """The options that the command line says. Exits with status 2 and one line when it makes no sense."""
    parser = Parser(
        prog="facewire-send",
        description="Sends a face over WebRTC as keypoints, with H.264 where that cannot work.",
    )
    add_flags(parser, CallOptions, title="the call")
    add_flags(parser, SenderOptions, title="coding")
    compare: dict[str, Any] = {"dest": "mode", "action": "store_const", "const": "compare"}
    parser.add_argument("--compare", **compare, help="the same as --mode compare")
    parsed = parser.parse_args(arguments)
    try:
        options, coding = from_flags(CallOptions, parsed), from_flags(SenderOptions, parsed)
        if options.viewers > 1 and coding.mode in ("h264", "compare"):
            raise OptionsError(
                f"--viewers {options.viewers} with --mode {coding.mode}: H.264 goes to one receiver alone"
            )
        if options.sfu and coding.mode in ("h264", "compare"):
            raise OptionsError(f"--sfu with --mode {coding.mode}: no H.264 goes through an SFU yet")
        return options, coding
    except BadOption as error:
        parser.error(str(error))
