"""Receiver, options: the frozen values a receiver is made with, and the flags made from them."""

from dataclasses import dataclass, field
from pathlib import Path

from codec.config import CodecConfig, EngineName, Precision
from codec.flags import option
from codec.units import SIZES
from receiver.errors import OptionsError
from receiver.outputs.output_names import OUTPUT_HELP, why_no_output
from receiver.sound.outputs import SPEAKER_HELP
from signaling.programs.options import MeetingOptions
from signaling.sfu.address import sfu_url

__all__ = ["CallOptions", "ReceiverOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverOptions:
    """How pictures are received, whoever owns the connection. Raises OptionsError on values out of range."""

    size: int = field(
        default=256,
        metadata=option("side of the coded square to make ready for; the sender's keyframe decides", choices=SIZES),
    )
    threads: int = field(
        default=0, metadata=option("threads of the networks; 0: as many as the machine suggests", metavar="N")
    )
    weights: str = field(
        default=CodecConfig().weights,
        metadata=option("weights by name, or a .safetensors file; those of the sender", metavar="NAME"),
    )
    engine: EngineName = field(
        default=CodecConfig().engine,
        metadata=option("what runs the networks; auto: OpenVINO, else torch"),
    )
    precision: Precision = field(
        default=CodecConfig().precision,
        metadata=option("of most networks; auto: int8, else bf16 or f32"),
    )
    reorder_ms: int = field(
        default=10, metadata=option("shortest wait for a message that another has overtaken", metavar="MS")
    )
    margin_ms: int = field(
        default=5, metadata=option("playout delay beyond what the measured jitter asks for", metavar="MS")
    )
    longest_delay_ms: int = field(
        default=400, metadata=option("longest playout delay; what comes later is skipped", metavar="MS")
    )
    sound: bool = field(default=False, metadata=option("take the sender's sound too, if it sends any"))
    stall_ms: int = field(
        default=700, metadata=option("time without keypoints after which H.264 takes over", metavar="MS")
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
            raise OptionsError(f"size is {self.size}, not {' or '.join(map(str, SIZES))}")
        longest = {"reorder_ms": 1000, "margin_ms": 1000, "longest_delay_ms": 5000, "stall_ms": 60_000, "threads": 256}
        for name, limit in longest.items():
            if not 0 <= getattr(self, name) <= limit:
                raise OptionsError(f"{name} is {getattr(self, name)}, not in 0..{limit}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions(MeetingOptions):
    """Where to meet the sender, and what to do with the pictures. Raises OptionsError on nonsense."""

    sfu: str = field(
        default="",
        metadata=option(
            "watch what is sent through this Janus, in place of --signal; see the sender's --sfu",
            metavar="janus:ws://HOST:PORT",
        ),
    )
    output: str = field(default="window", metadata=option(OUTPUT_HELP, metavar="WHERE"))
    seconds: float | None = field(
        default=None, metadata=option("stop so many seconds after the first picture", metavar="N")
    )
    json: str = field(
        default="",
        metadata=option("append the meter as JSON lines to this file; -: to standard output", metavar="FILE"),
    )
    speaker: str = field(default="default", metadata=option(f"with --sound: {SPEAKER_HELP}", metavar="WHERE"))
    record: Path | None = field(
        default=None,
        metadata=option(
            "write both codecs' pictures losslessly, with the sender's time stamps, to DIR/keypoints.mkv and "
            "DIR/h264.mkv; with --sound the voice as well, and what was heard to DIR/sound.wav",
            metavar="DIR",
        ),
    )

    snapshot: Path | None = field(
        default=None, metadata=option("write the picture that is shown last, as PNG", metavar="FILE")
    )

    @property
    def server(self) -> str:
        """See MeetingOptions."""
        return sfu_url(self.sfu) if self.sfu else self.signal

    def __post_init__(self) -> None:
        MeetingOptions.__post_init__(self)
        if (problem := why_no_output(self.output)) is not None:
            raise OptionsError(problem)
        if self.seconds is not None and self.seconds <= 0:
            raise OptionsError(f"--seconds {self.seconds:g}: expected more than 0")
