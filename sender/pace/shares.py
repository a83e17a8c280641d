"""Stages 4 to 6, pace: one budget in bits on the wire -> what each part of a stream may take, and in which messages.

In the order in which it is given: what the stream costs in any case, sound, pose and expression, windows and
references, the flow residual, and H.264 where all of that leaves room for it. Pure.
"""

from dataclasses import dataclass

__all__ = ["Needs", "Shares", "share_out"]

_MESSAGE_BITS = 8 * 93  # of each message, besides what it says
_REPORTS_KBPS = 1.6  # our reports, and the receipts of the receiver's
_LEAST_SOUND_KBPS = 6.0
_SPEAKING = 0.85  # of the time, about, with what DTX leaves of the pauses
_BASE_BITS = 45  # pose and expression of a frame, coarsely
_THIN_MESSAGE, _WHOLE_MESSAGE = 400, 1160
_LEAST_REFERENCE_KBPS = 1.2  # or the face would never be there
_PACKET_BITS = 8 * 50  # of an RTP packet, besides the coded picture
_LEAST_H264_KBPS, _COARSEST_H264_KBPS = 15.0, 6.0  # below the one, pictures are left out; the other is the end
_H264_PART = 0.85  # of what is left: a key picture is ten of the others
# Where the line loses and does not queue, from so many kbit/s: frames a message, and whether each message goes again
# after the next one. What is late by a bundle more must still be in time, so bundles are short.
_LOSSY = ((36.0, 2, True), (24.0, 3, False))
# From so many kbit/s on the wire: frames a message at least, and of how many pictures one is coded.
_LADDER = ((44.0, 1, 1), (30.0, 5, 1), (22.0, 6, 1), (17.0, 8, 1), (13.5, 10, 1), (0.0, 12, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the stream is asked for, where the line lets it: the user's options."""

    bundle: int
    sound_kbps: float  # 0: there is none
    reference_kbps: float
    h264_kbps: float
    fps: float = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How the stream is sent. `motion_kbps` is payload, for the quantiser to keep to; None: no need to."""

    bundle: int
    every: int  # one of so many pictures is coded
    message_bytes: int
    sound_kbps: float
    reference_kbps: float  # payload, as pieces are paced
    keyframes_first: bool  # motion waits for the keyframe that it moves
    motion_kbps: float | None
    residual: bool
    repeats_sound: bool  # where the line loses: not where the line is what loses it
    repeats_motion: bool = False
    h264_kbps: float
    h264_every: int
    h264_fits: bool


def share_out(kbps: float | None, needs: Needs, *, loses: bool = False) -> Shares:
    """What `kbps` on the wire is spent on; None: nobody knows a limit. `loses`: the line loses what it has room for."""
    if kbps is None:
        return _unlimited(needs)
    bundle, every = next((bundle, every) for least, bundle, every in _LADDER if kbps >= least)
    bundle = max(needs.bundle, bundle // every if every > 1 else bundle)
    repeats = False
    if loses:
        lossy = ((min(needs.bundle, short), twice) for least, short, twice in _LOSSY if kbps >= least)
        bundle, repeats = next(lossy, (bundle, False))
    frames = needs.fps / every
    left = kbps - _REPORTS_KBPS - (1 + repeats) * frames / bundle * _MESSAGE_BITS / 1000
    thin, small = kbps < 30, kbps < 46
    sound_kbps = needs.sound_kbps and (needs.sound_kbps if kbps >= 22 else min(needs.sound_kbps, _LEAST_SOUND_KBPS))
    left -= _SPEAKING * sound_kbps
    base = frames * _BASE_BITS / 1000
    rest = max(0.0, left - base)
    message = _THIN_MESSAGE if small else _WHOLE_MESSAGE
    reference_wire = max(_LEAST_REFERENCE_KBPS, 0.6 * rest)
    h264_kbps, h264_every = _h264(kbps, needs, sound_kbps=sound_kbps)
    return Shares(
        bundle=bundle,
        every=every,
        message_bytes=message,
        sound_kbps=sound_kbps,
        reference_kbps=min(needs.reference_kbps, reference_wire * message / (message + 93)),
        keyframes_first=thin,
        motion_kbps=(base + 0.4 * rest) / (1 + repeats),
        residual=kbps >= 24,
        repeats_sound=kbps >= 24,
        repeats_motion=repeats,
        h264_kbps=h264_kbps,
        h264_every=h264_every,
        h264_fits=h264_every == 1,
    )


def _unlimited(needs: Needs) -> Shares:
    return Shares(
        bundle=needs.bundle,
        every=1,
        message_bytes=_WHOLE_MESSAGE,
        sound_kbps=needs.sound_kbps,
        reference_kbps=needs.reference_kbps,
        keyframes_first=False,
        motion_kbps=None,
        residual=True,
        repeats_sound=True,
        h264_kbps=needs.h264_kbps,
        h264_every=1,
        h264_fits=True,
    )


def _h264(kbps: float, needs: Needs, *, sound_kbps: float) -> tuple[float, int]:
    """Its bitrate, and of how many pictures one is coded: what sound leaves, less what packets cost."""
    beside = _REPORTS_KBPS + sound_kbps + (6.25 * _MESSAGE_BITS / 1000 if sound_kbps else 0.0)
    room, every = 0.0, 1
    for every in (1, 2, 3, 4):
        room = _H264_PART * (kbps - beside) - needs.fps / every * _PACKET_BITS / 1000
        if room >= _LEAST_H264_KBPS:
            break
    return max(_COARSEST_H264_KBPS, min(needs.h264_kbps, room)), every
