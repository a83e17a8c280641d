"""All stages, the things that a call needs, each tried by itself: devices, servers, and the codec's pace."""

import asyncio
import contextlib
import secrets
import threading
import time
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from statistics import median
from typing import Literal

from aiortc import RTCPeerConnection

from benchmarks.clips.sample import FPS, SAMPLE
from codec import CodecConfig, Decoder, Encoder
from codec.input.video import read_video
from codec.pictures.crop import centre_crop
from facewire.finding import Finding
from receiver.errors import DisplayError
from receiver.outputs.display import open_output
from receiver.sound import SoundPlayout
from receiver.sound.outputs import play
from sender.errors import SourceError
from sender.sound.open import open_sound
from sender.sources import open_source
from signaling.client import SignalingClient
from signaling.errors import SignalingError
from signaling.programs.options import MeetingOptions
from signaling.transport.peer import ice_configuration

__all__ = ["camera", "codec_pace", "loudspeaker", "microphone", "relays", "rendezvous", "versions", "window"]

PATIENCE_S = 10.0  # for a device to give something, a server to answer
LISTEN_S = 0.5  # that a loudspeaker has to stay
_PACKAGES = (
    "facewire",
    "aiortc",
    "av",
    "openvino",
    "opencv-python",
    "opuslib-next-bundled",
    "pygame-ce",
    "sounddevice",
    "livekit",
)
_FRAMES, _WARM = 40, 10
_DEVICE = "is it plugged in, allowed to you (groups video, audio), and free of other programs?"
_SOUND = f"has facewire[call] been installed, and PortAudio (Debian: libportaudio2)? {_DEVICE}"
_SERVER = {
    "srflx": ("STUN", "is UDP to that server let through? another network, or --turn, may do"),
    "relay": ("TURN", "are name and password right, and is UDP to that server let through?"),
}


def versions() -> Finding:
    """What is installed; never fails."""
    found = []
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return Finding("versions", True, ", ".join(found), "")


def codec_pace(size: int) -> Finding:
    """Whether coding and decoding a picture, which a call does at once, take less time than a picture has."""
    config = CodecConfig(size=size)
    encoder, decoder = Encoder(config), Decoder(config)
    spent_ms: list[tuple[float, float]] = []
    for image_rgb, pts in islice(read_video(SAMPLE), _FRAMES):
        square = centre_crop(*image_rgb.shape[:2]).extract(image_rgb, size)
        begun_s = time.perf_counter()
        coded = encoder.encode(square, pts=pts)
        coded_s = time.perf_counter()
        decoder.decode(coded)
        spent_ms.append((1000 * (coded_s - begun_s), 1000 * (time.perf_counter() - coded_s)))
        if coded.reference is not None:
            encoder.acknowledge(coded.reference.id)
    encode_ms, decode_ms = (median(times) for times in zip(*spent_ms[_WARM:], strict=True))
    factor = 1000 / FPS / (encode_ms + decode_ms)
    seen = f"{encode_ms:.0f} ms to code a picture and {decode_ms:.0f} to decode one: {factor:.1f} times real time"
    return Finding("codec", factor >= 1, seen, "close other programs; a call goes on with fewer pictures", needed=False)


async def camera(source: str) -> Finding:
    """Whether a picture comes."""
    stop = threading.Event()
    sizes = list[str]()

    def seen(picture: object) -> None:
        sizes.append("x".join(map(str, reversed(picture.image_rgb.shape[:2]))))  # type: ignore[attr-defined]
        stop.set()

    try:
        await asyncio.wait_for(asyncio.to_thread(open_source(source).read, seen, stop), PATIENCE_S)
    except (SourceError, TimeoutError) as error:
        return Finding("camera", False, str(error) or f"{source}: no picture in {PATIENCE_S:g} s", _DEVICE)
    finally:
        stop.set()
    return Finding(
        "camera", bool(sizes), f"{source} gives pictures of {sizes[0]}" if sizes else f"{source}: ended", _DEVICE
    )


async def microphone() -> Finding:
    """Whether sound comes."""
    heard = asyncio.Event()
    source = open_sound("default", picture="", begins=lambda: None)
    assert source is not None
    running = asyncio.create_task(source.run(lambda _: heard.set()))
    waiting = asyncio.create_task(heard.wait())
    await asyncio.wait((running, waiting), timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    running.cancel()
    (failed,) = await asyncio.gather(running, return_exceptions=True)
    if isinstance(failed, SourceError):
        return Finding("microphone", False, str(failed), _SOUND)
    return Finding("microphone", heard.is_set(), "gives sound" if heard.is_set() else "gives no sound", _SOUND)


async def loudspeaker() -> Finding:
    """Whether one opens, and stays."""
    try:
        async with asyncio.timeout(LISTEN_S):
            await play(SoundPlayout(), lambda samples, at_us: None)
    except DisplayError as error:
        return Finding("loudspeaker", False, str(error), _SOUND)
    except TimeoutError:
        pass
    return Finding("loudspeaker", True, "opens", "")


async def window() -> Finding:
    """Whether one opens."""
    try:
        output = await asyncio.to_thread(open_output, "window", size=256, ended=lambda _: None)
        await asyncio.to_thread(output.close)
    except DisplayError as error:
        return Finding("window", False, str(error), "run it in a desktop session, or use --output FILE.mp4")
    return Finding("window", True, "opens", "")


async def rendezvous(options: MeetingOptions) -> Finding:
    """Whether the server lets this end into a room of its own."""
    name, room = "signaling", f"doctor-{secrets.token_hex(8)}"
    try:
        client = await SignalingClient.connect(
            options.signal, room=room, role="sender", token=options.token, ca=options.ca
        )
        await client.close()
    except SignalingError as error:
        return Finding(name, False, str(error), "start one (`facewire signal`), or name another with --signal")
    return Finding(name, True, "the server answers", "")


async def relays(options: MeetingOptions, kind: Literal["srflx", "relay"]) -> Finding | None:
    """Whether the STUN or TURN servers tell an address at which this machine is reached; None where none is named."""
    stun, turn = (options.stun, ()) if kind == "srflx" else ((), options.turn)
    if not (stun or turn):
        return None
    name, advice = _SERVER[kind]
    pc = RTCPeerConnection(ice_configuration(stun=stun, turn=turn))
    try:
        pc.createDataChannel("doctor")
        async with asyncio.timeout(PATIENCE_S):
            await pc.setLocalDescription(await pc.createOffer())
        works = f"typ {kind}" in pc.localDescription.sdp
    except (OSError, TimeoutError, ValueError) as error:
        return Finding(name, False, str(error) or "no answer", advice)
    finally:
        await pc.close()
    return Finding(name, works, "gives an address" if works else "gives no address", advice)
