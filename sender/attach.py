"""Stage 1 to 6, attach: the sending end on an application's own connection and track."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from aiortc import MediaStreamTrack, RTCPeerConnection

from codec import CodecConfig, Encoder
from codec.pictures.face import FaceDetector
from codec.sound import SoundConfig
from codec.stage_clock import Stage
from codec.state.bundle import BundleCoder
from codec.units import SIZES
from sender.capture import Capture, TrackSource
from sender.crop.face import FaceFollower
from sender.encode import MEASURE_S, FaceWorker
from sender.h264.fallback import add_h264_track
from sender.options import SenderOptions
from sender.send import FaceSender
from sender.sound import SoundFlow, SoundSource, TrackSound
from sender.sound.voice import Voice
from signaling.transport.channels import Channels
from signaling.transport.insides.internals import connection_stats
from signaling.transport.peer import offer_channels

__all__ = ["make_sound", "make_voice", "make_worker", "send_face"]

_DEFAULTS = SenderOptions()
_METERED_S = 0.8  # between two that are measured for nothing but the meter: one in each of its seconds


def make_worker(options: SenderOptions) -> FaceWorker:
    """The worker that runs the face detector and the codec as `options` say. Nothing is loaded yet."""
    config = CodecConfig.preset(
        "realtime",
        size=options.size,
        qp=options.qp,
        kbps=options.kbps,
        tune=options.tune,
        bundle=options.bundle,
        threads=options.threads,
        weights=options.weights,
        engine=options.engine,
        precision=options.precision,
        measure_every=0,  # the worker measures, once the frame has left
    )
    model = Path(options.face_model) if options.face_model else None

    def make(size: int, stage: Stage) -> Encoder:
        return Encoder(config.with_(size=size), stage=stage)

    return FaceWorker(
        partial(make, options.size),
        lambda looks: FaceFollower(
            FaceDetector(model), placement=options.crop, reports=options.mode == "auto", looks=looks
        ),
        size=options.size,
        measure_s=_METERED_S if options.mode == "keypoints" else MEASURE_S,
        bundles=partial(BundleCoder.of, options.weights),
        smaller=None if options.size == SIZES[0] else (SIZES[0], partial(make, SIZES[0])),
    )


def make_sound(
    source: SoundSource, channels: Channels, options: SenderOptions, *, news: Callable[[str], None] = lambda text: None
) -> SoundFlow:
    """What sends the voice of `source` as `options` say, in messages as long as those of motion."""
    config = SoundConfig(kbps=options.sound_kbps)
    return SoundFlow(source, channels, config=config, bundle_ms=40 * options.bundle, news=news)


def make_voice(
    source: SoundSource, options: SenderOptions, *, news: Callable[[str], None] = lambda text: None
) -> Voice:
    """What codes the voice of `source` once, for several viewers."""
    return Voice(source, SoundConfig(kbps=options.sound_kbps), news=news)


def send_face(
    pc: RTCPeerConnection,
    track: MediaStreamTrack,
    options: SenderOptions = _DEFAULTS,
    *,
    stream: str = "",
    sound: MediaStreamTrack | None = None,
) -> FaceSender:
    """Attaches facewire's channels and H.264 track to an application's `pc`, before its offer or answer; sends `track`.

    Where `pc` answers, the offer needs a place for video (`receive_face(..., offers=True)` makes one), or `options` the
    mode "keypoints": aiortc cannot answer without a place for each of its tracks.

    `stream` names what is sent, for a receiver that asks for it by name: worth saying where a connection carries
    several faces in one direction. Run the result in a block (`async with`), or its `run` in a task of your own.
    `sound` is an audio track, which goes to a receiver that takes sound.
    Raises SourceError if `track` is no video, or `sound` no audio.
    """
    source, voice = TrackSource(track), None if sound is None else TrackSound(sound)
    channels = offer_channels(pc, stream=stream, sound=sound is not None)
    return FaceSender(
        channels,
        Capture(source),
        sound=None if voice is None else make_sound(voice, channels, options),
        worker=make_worker(options),
        options=options,
        video=add_h264_track(pc) if options.mode != "keypoints" else None,
        stats=partial(connection_stats, pc),
    )
