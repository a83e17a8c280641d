"""A call over a real connection: pictures and sound both ways, each end with its own, and one that ends ends it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack

from facewire import ReceiverOptions, SenderOptions, call_face, receive_face, send_face

Connect = Callable[[RTCPeerConnection, RTCPeerConnection], Awaitable[None]]
Pair = tuple[RTCPeerConnection, RTCPeerConnection]
PATIENCE_S = 100
DARK = 45  # mean level between that of the shaded film and that of the other
SENDING = SenderOptions(mode="keypoints", threads=1)
RECEIVING = ReceiverOptions(sound=True, threads=1)


class Tone(AudioStreamTrack):
    """A tone at 8 kHz mono, as a telephone's microphone would give it."""

    def __init__(self, frequency: float) -> None:
        super().__init__()
        self._frequency, self._sample = frequency, 0

    async def recv(self) -> av.AudioFrame:
        pace = await super().recv()  # 20 ms of silence, when it is time
        t = (self._sample + np.arange(160)) / 8000
        self._sample += 160
        swell = 0.2 + 0.2 * np.sin(2 * np.pi * 3 * t)
        whole = (32767 * swell * np.sin(2 * np.pi * self._frequency * t)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(whole[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, pace.pts, Fraction(1, 8000)
        return frame


async def pitch(track: MediaStreamTrack, *, frames: int = 40) -> float:
    """The loudest frequency in so many frames of sound, from the first that are not silent on."""
    heard: list[Any] = []
    while len(heard) < frames:
        samples = (await track.recv()).to_ndarray()[0]  # type: ignore[union-attr]
        if heard or np.abs(samples).max() > 1000:
            heard.append(samples)
    samples = np.concatenate(heard).astype(np.float64)
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * 48_000 / len(samples))


async def brightness(track: MediaStreamTrack, *, frames: int = 3) -> float:
    for _ in range(frames):
        frame: Any = await track.recv()
    return float(frame.to_ndarray(format="rgb24").mean())


async def test_both_ways_with_sound_on_one_connection(film: Any, connected: Connect, pair: Pair) -> None:
    caller, called = pair
    light = call_face(caller, film(), Tone(400.0), sending=SENDING, receiving=RECEIVING)
    dark = call_face(called, film(shade=2), Tone(700.0), sending=SENDING, receiving=RECEIVING)
    async with asyncio.timeout(PATIENCE_S), light, dark:
        await connected(caller, called)
        seen = asyncio.gather(brightness(light.track), brightness(dark.track))
        heard = await asyncio.gather(pitch(light.sound_track), pitch(dark.sound_track))
        of_dark, of_light = await seen
    assert of_dark < DARK < of_light
    assert heard == pytest.approx([700.0, 400.0], abs=15)
    for end in (light, dark):
        assert end.receiver.counts["sound_messages"] > 3
        assert end.receiver.counts["malformed_sound"] == 0


async def test_motion_rides_on_sound(film: Any, connected: Connect, pair: Pair) -> None:
    sending, receiving = pair
    sender = send_face(sending, film(), SENDING, sound=Tone(500.0))
    receiver = receive_face(receiving, RECEIVING)
    async with asyncio.timeout(PATIENCE_S), sender, receiver:
        await connected(sending, receiving)
        await pitch(receiver.sound_track)
        while sender.figures()["counts"].get("sound_messages", 0) < 10:
            await receiver.track.recv()
    counts = sender.figures()["counts"]
    assert counts["sound_alone"] < counts["sound_messages"]


async def test_a_receiver_that_takes_no_sound_is_sent_none(film: Any, connected: Connect, pair: Pair) -> None:
    sending, receiving = pair
    sender = send_face(sending, film(), SENDING, sound=Tone(500.0))
    receiver = receive_face(receiving, ReceiverOptions(threads=1))
    async with asyncio.timeout(PATIENCE_S), sender, receiver:
        await connected(sending, receiving)
        await brightness(receiver.track, frames=10)
    assert sender.figures()["counts"].get("sound_messages", 0) == 0


async def test_an_end_that_hangs_up_ends_the_other(film: Any, connected: Connect, pair: Pair) -> None:
    caller, called = pair
    one = call_face(caller, film(), sending=SENDING, receiving=RECEIVING)
    other = call_face(called, film(), sending=SENDING, receiving=RECEIVING)
    async with asyncio.timeout(PATIENCE_S), other:
        async with one:
            await connected(caller, called)
            await brightness(other.track)
        await caller.close()
        with contextlib.suppress(Exception):
            await other.wait()
    assert other.track.readyState == "ended"
