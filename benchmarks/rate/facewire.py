"""Stage 3 to 9, without a network: a clip through the codec, byte for byte as it would be sent."""

import time
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.clips.clip import Clip
from benchmarks.rate.anchors.coded_clip import CodedClip
from codec import CodecConfig, CodedFrame, Decoder, Encoder
from codec.bits.packet import MotionMessage, pack_reference
from codec.decisions.first_picture import WAIT_S
from codec.motion.expression import POSE
from codec.state.bundle import BundleCoder
from codec.state.chain import MotionState
from codec.units import PTS_PER_S
from signaling.transport.costs import MAX_MESSAGE_BYTES, Wire, messages_on_wire

_SHUFFLE_SEED = 10


@dataclass(frozen=True, slots=True)
class Halves:
    """One coded frame as the transport carries it: the two halves, and whether the motion builds on the last one."""

    is_keyframe: bool
    reference: bytes
    motion: bytes
    chained: bool


def _halves(coded: CodedFrame) -> Halves:
    reference, motion = coded.split()
    return Halves(
        is_keyframe=coded.is_keyframe,
        reference=b"" if reference is None else bytes(reference),
        motion=b"" if motion is None else bytes(motion),
        chained=coded.motion is not None and coded.motion.chained,
    )


def bundles(frames: list[Halves]) -> list[list[bytes]]:
    """Motion halves, grouped as they are sent: a frame that does not build on the one before starts a new message."""
    groups: list[list[bytes]] = []
    for frame in frames:
        if not frame.motion:
            continue
        if frame.chained and groups:
            groups[-1].append(frame.motion)
        else:
            groups.append([frame.motion])
    return groups


def _messages(frames: list[Halves], coder: BundleCoder) -> list[MotionMessage]:
    """Motion as it is sent."""
    return [
        message
        for group in bundles(frames)
        for message in coder.messages(group, first_sequence=0, limit=MAX_MESSAGE_BYTES)
    ]


def _wire(frames: list[Halves], motion: list[MotionMessage]) -> Wire:
    """Motion in bundles on the motion channel, references in pieces on the reliable one."""
    sizes = [len(bytes(message)) for message in motion]
    for frame in frames:
        if frame.reference:
            pieces = pack_reference(frame.reference, transfer=0, limit=MAX_MESSAGE_BYTES)
            sizes += [len(bytes(piece)) for piece in pieces]
    return messages_on_wire(sizes)


def _encode(clip: Clip, config: CodecConfig) -> tuple[list[bytes], float]:
    encoder = Encoder(config)
    start = time.perf_counter()
    if config.references == "single":
        encoder.begin_with(list(clip.pictures[: round(WAIT_S * clip.fps) + 1]))
    data = [
        bytes(encoder.encode(picture, pts=round(index * PTS_PER_S / clip.fps)))
        for index, picture in enumerate(clip.pictures)
    ]
    return data, (time.perf_counter() - start) * 1000 / len(data)


def _decode(data: list[bytes], config: CodecConfig) -> tuple[list[np.ndarray], float]:
    decoder = Decoder(config)
    start = time.perf_counter()
    pictures = [decoder.decode(CodedFrame.parse(one)) for one in data]
    return pictures, (time.perf_counter() - start) * 1000 / len(data)


def _decode_shuffled(data: list[bytes], config: CodecConfig) -> tuple[list[np.ndarray], float]:
    """Each frame with its own pose and windows, but with the expression of another frame of the same reference."""
    decoder, frames = Decoder(config), [CodedFrame.parse(one) for one in data]
    start = time.perf_counter()
    states: list[MotionState] = []
    for frame in frames:
        if frame.reference is not None:
            decoder.add_reference(frame)
        states.append(decoder.read(frame))
    others = list(states)
    random = np.random.default_rng(_SHUFFLE_SEED)
    for reference in {state.reference_id for state in states}:
        mine = [index for index, state in enumerate(states) if state.reference_id == reference]
        for index, other in zip(mine, random.permutation(mine), strict=True):
            face = np.concatenate((states[index].face[:POSE], states[other].face[POSE:]))
            others[index] = replace(states[index], face=face)
    pictures = [decoder.render(state) for state in others]
    return pictures, (time.perf_counter() - start) * 1000 / len(data)


def run_codec(clip: Clip, config: CodecConfig, *, shuffled: bool = False) -> CodedClip:
    """Encodes every picture, then decodes from the bytes alone. Whatever `codec.errors` names passes through.

    `shuffled` is the control of what is said of faces: expressions are dealt out to other frames of their reference.
    Whatever agreement is left did not come from them.
    """
    data, encode_ms = _encode(clip, config)
    pictures, decode_ms = (_decode_shuffled if shuffled else _decode)(data, config)
    frames = [_halves(CodedFrame.parse(one)) for one in data]
    keyframe = sum(len(frame.reference) for frame in frames if frame.is_keyframe)
    reference = sum(len(frame.reference) for frame in frames if not frame.is_keyframe)
    motion = _messages(frames, BundleCoder.of(config.weights))
    return CodedClip(
        pictures=np.stack(pictures),
        keyframe_bytes=keyframe,
        reference_bytes=reference,
        motion_bytes=sum(len(message.unit) for message in motion),
        wire=_wire(frames, motion),
        encode_ms=encode_ms,
        decode_ms=decode_ms,
        first_keyframe_bytes=len(frames[0].reference),
    )
