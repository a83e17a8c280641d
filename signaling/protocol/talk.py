"""Signaling, talk: what two ends say to each other during a call, over a stream's control channel.

First capabilities, from both; from the receiver keyframe-request, reference-received, receiver-report, load-report;
from the sender mode-switch, quality-report; clock-ping from either.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from signaling.protocol import quantities
from signaling.protocol.texts import Name, Names, Text

__all__ = [
    "Capabilities",
    "ClockPing",
    "ClockPong",
    "KeyframeRequest",
    "LoadReport",
    "Mode",
    "ModeSwitch",
    "QualityReport",
    "ReceiverReport",
    "ReferenceReceived",
]

Mode = Literal["keypoints", "h264", "compare"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """First word of each end on the control channel: what it understands. Without it, an end is as those of 0.1 were.

    `end` says what it is ("sender", "receiver"), `software` which. `protocol` counts changes of what these messages
    mean; `bitstreams` are versions of coded frames, `weights` ids of weight files (hexadecimal), `sizes` sides of the
    square. `h264_mid` is the media id (RFC 8843) of the sender's H.264 track, if any; `features` what else it can.
    """

    end: Name
    software: Text = ""
    protocol: quantities.Protocol = 1
    bitstreams: quantities.Versions = ()
    weights: Names = ()
    sizes: quantities.Sides = ()
    h264_mid: Name | None = None
    features: Names = ()


@dataclass(frozen=True, slots=True)
class KeyframeRequest:
    """The receiver has no usable reference: send a keyframe. `reason` is for the log."""

    reason: Text = ""


@dataclass(frozen=True, slots=True)
class ReferenceReceived:
    """The receiver holds reference `reference_id` whole; it came with the frame `number` (modulo 256)."""

    reference_id: quantities.ReferenceId
    number: quantities.FrameNumber


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """How the call looks at the receiver; about one each two seconds.

    `loss` is the part of motion messages lost since the last report, `delay_ms` capture to display (None until clocks
    are compared), `fps` pictures a second, `jitter_ms` as in RFC 3550, 6.4.1, `references` the ids held, `sound_loss`
    of sound's frames at the first try (None: there were none), `h264_loss` of packets, `received_` payload.
    """

    loss: quantities.Loss
    delay_ms: quantities.DelayMs | None
    fps: quantities.Fps
    jitter_ms: quantities.SpreadMs
    references: quantities.ReferenceIds = ()
    received_bytes_motion: quantities.Count = 0
    received_bytes_reference: quantities.Count = 0
    received_bytes_h264: quantities.Count = 0
    received_messages_motion: quantities.Count = 0
    received_messages_reference: quantities.Count = 0
    received_packets_h264: quantities.Count = 0
    sound_loss: quantities.Loss | None = None
    h264_loss: quantities.Loss | None = None


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Decoding is much of the time there is: for senders with the feature "load", which then ask for less work."""

    load: quantities.Load


@dataclass(frozen=True, slots=True)
class ModeSwitch:
    """From the picture `pts` (1/90000 s) on, `mode` carries the call; "compare" sends both and shows keypoints."""

    mode: Mode
    pts: quantities.Ticks


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What the sender measured in its own loop about the pictures up to `pts` (1/90000 s); PSNR in RGB.

    `figures` are the sender's meter, flat, for the receiver to show; their names belong to the meter.
    """

    pts: quantities.Ticks
    keypoints_psnr_db: quantities.PsnrDb | None
    h264_psnr_db: quantities.PsnrDb | None
    mode: Mode
    figures: quantities.Figures = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClockPing:
    """Sent at `sent_us` on the clock of the end that asks."""

    sent_us: quantities.ClockUs


@dataclass(frozen=True, slots=True)
class ClockPong:
    """Answer to the ping sent at `ping_us`; `pong_us` is the clock of the end that answers."""

    ping_us: quantities.ClockUs
    pong_us: quantities.ClockUs
