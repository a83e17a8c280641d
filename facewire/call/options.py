"""All stages, options of a call: where to meet, what is sent and shown, and where sound comes from and goes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from codec.flags import Parser, add_flags, from_flags, option
from facewire.call.cores import threads_of_each
from facewire.call.echo import ECHO_HELP, Echo, why_no_canceller
from receiver import ReceiverOptions
from receiver.outputs.output_names import OUTPUT_HELP, why_no_output
from receiver.sound.outputs import SPEAKER_HELP
from sender import SenderOptions
from sender.sound.open import MICROPHONE_HELP
from signaling.errors import OptionsError
from signaling.programs.options import MeetingOptions

__all__ = ["MOST_OTHERS", "CallOptions", "parse_arguments"]

MOST_OTHERS = 3  # each is sent to and decoded by itself
_SHARED = ("size", "threads", "weights", "engine", "precision")  # a flag each for both directions
_RECEIVING = ("reorder_ms", "margin_ms", "longest_delay_ms", "stall_ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions(MeetingOptions):
    """Where to meet the other end, what to send it, and what to do with what comes. Raises OptionsError on nonsense."""

    others: int = field(
        default=MOST_OTHERS,
        metadata=option(
            "how many others the call takes, 1 to 3 (with --mode h264 or compare: 1); one more is told that it is full"
        ),
    )
    input: str = field(
        default="webcam:0",
        metadata=option(
            "webcam:0, a FILE, rtsp://…, http(s)://…, screen: or screen:WxH+X+Y; none for sound alone", metavar="SOURCE"
        ),
    )
    loop: bool = field(default=False, metadata=option("start a file again at its end"))
    follow: bool = field(default=False, metadata=option("let the input name others: playlists, redirects"))
    microphone: str = field(
        default="default",
        metadata=option(MICROPHONE_HELP, metavar="SOURCE"),
    )
    speaker: str = field(default="default", metadata=option(SPEAKER_HELP, metavar="WHERE"))
    echo: Echo = field(default="auto", metadata=option(ECHO_HELP))
    output: str = field(default="window", metadata=option(OUTPUT_HELP, metavar="WHERE"))
    no_self_view: bool = field(default=False, metadata=option("leave your own picture out of the corner"))
    record: Path | None = field(
        default=None,
        metadata=option(
            "write what comes, with voice, to DIR/keypoints.mkv and DIR/h264.mkv; what was heard to DIR/sound.wav",
            metavar="DIR",
        ),
    )
    snapshot: Path | None = field(
        default=None, metadata=option("write the picture that is shown last, as PNG", metavar="FILE")
    )
    self_test: bool = field(
        default=False,
        metadata=option(
            "call this machine from itself, with a bundled clip and a tone, and say what works; no device; status 1 "
            "where something does not, or fewer than 8 pictures a second come"
        ),
    )
    seconds: float | None = field(default=None, metadata=option("hang up so many seconds after the first picture"))
    json: str = field(
        default="", metadata=option("append the receiving meter as JSON lines to this file", metavar="FILE")
    )

    def __post_init__(self) -> None:
        MeetingOptions.__post_init__(self)
        if (problem := why_no_output(self.output)) is not None:
            raise OptionsError(problem)
        if not 1 <= self.others <= MOST_OTHERS:
            raise OptionsError(f"--others {self.others}: 1 to {MOST_OTHERS}")
        if (problem := why_no_canceller(self.echo)) is not None:
            raise OptionsError(problem)
        if self.seconds is not None and self.seconds <= 0:
            raise OptionsError(f"--seconds {self.seconds:g}: expected more than 0")
        if not self.microphone or not self.speaker:
            raise OptionsError("--microphone and --speaker: default, a name, or none")


def parse_arguments(arguments: Sequence[str] | None = None) -> tuple[CallOptions, SenderOptions, ReceiverOptions]:
    """The options that the command line says. Exits with status 2 and one line when it makes no sense."""
    parser = Parser(
        prog="facewire call", description="A call of two to four ends: your face and voice there, theirs here."
    )
    add_flags(parser, CallOptions, title="the call")
    add_flags(parser, SenderOptions, title="coding")
    add_flags(parser, ReceiverOptions, title="receiving", only=_RECEIVING)
    parsed = parser.parse_args(arguments)
    try:
        parsed.threads = threads_of_each(parsed.threads)
        call, sending = from_flags(CallOptions, parsed), from_flags(SenderOptions, parsed)
        if sending.mode in ("h264", "compare"):
            call = replace(call, others=1)
        shared = {name: getattr(parsed, name) for name in (*_SHARED, *_RECEIVING)}
        receiving = replace(ReceiverOptions(), **shared, sound=True)
    except OptionsError as error:
        parser.error(str(error))
    return call, sending, receiving
