"""A call of three in an application that has its own connections: what each sees and hears, and who ends what."""

import asyncio
from collections.abc import Awaitable, Callable
from fractions import Fraction
from itertools import combinations
from typing import Any

import av
import numpy as np
import pytest
from aiortc import RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from facewire import FaceMesh, SenderOptions, mesh_face
from sender import SourceError

Connect = Callable[[RTCPeerConnection, RTCPeerConnection], Awaitable[None]]
PATIENCE_S = 100
TONES_HZ = {"a": 500.0, "b": 900.0, "c": 1600.0}


class Tone(AudioStreamTrack):
    """A tone in syllables."""

    def __init__(self, frequency: float) -> None:
        super().__init__()
        self._frequency, self._sample = frequency, 0

    async def recv(self) -> av.AudioFrame:
        pace = await super().recv()  # 20 ms of silence, when it is time
        t = (self._sample + np.arange(960)) / 48_000
        self._sample += 960
        samples = (0.2 + 0.2 * np.sin(2 * np.pi * 3 * t)) * np.sin(2 * np.pi * self._frequency * t)
        frame = av.AudioFrame.from_ndarray((16_000 * samples).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, pace.pts, Fraction(1, 48_000)
        return frame


async def chord(mesh: FaceMesh, *, blocks: int = 50) -> np.ndarray:
    """The part of the power of a second of what is heard that lies at each end's tone, from when two can be heard."""
    track, heard = mesh.sound_track(), list[np.ndarray]()
    while len(heard) < blocks:
        frame: Any = await track.recv()
        if heard or sum(level > -40.0 for level in mesh.levels_db().values()) == 2:
            heard.append(frame.to_ndarray()[0].astype(np.float64))
    samples = np.concatenate(heard)
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / 48_000)
    return np.array([power[np.abs(hertz - tone) < 40].sum() for tone in TONES_HZ.values()]) / power.sum()


async def shade(track: Any) -> int:
    frame = await track.recv()
    return int(frame.to_ndarray(format="gray")[16, 16])


async def test_each_sees_and_hears_the_others_and_one_that_leaves_ends_nobody(
    toy_codec: Any, connected: Connect
) -> None:
    ends = {name: mesh_face(VideoStreamTrack(), Tone(tone)) for name, tone in TONES_HZ.items()}
    pcs = {(own, other): RTCPeerConnection() for own in ends for other in ends if own != other}
    members = {(own, other): ends[own].attach(pc, name=other) for (own, other), pc in pcs.items()}
    async with asyncio.timeout(PATIENCE_S), ends["a"], ends["b"]:
        async with ends["c"]:
            await asyncio.gather(*(connected(pcs[one, other], pcs[other, one]) for one, other in combinations(ends, 2)))
            heard = dict(zip(ends, await asyncio.gather(*map(chord, ends.values())), strict=True))
            shades = dict(
                zip(members, await asyncio.gather(*(shade(one.track) for one in members.values())), strict=True)
            )
        await asyncio.gather(*(pc.close() for (own, _), pc in pcs.items() if own == "c"))
        assert await members["a", "c"].wait() == await members["b", "c"].wait() == "the receiver is gone"
        assert await shade(members["a", "b"].track) == shades["a", "b"]
        assert [member.name for member in ends["a"].members] == ["b"]
        assert ends["a"].figures()["receivers"][0]["name"] == "b"
    for index, parts in enumerate(heard.values()):
        assert parts[index] < 0.02, "nobody hears himself"
        assert sorted(parts)[1] > 0.2, "the other two are heard"
    assert shades["a", "b"] == shades["c", "b"] != shades["a", "c"] == shades["b", "c"]
    await asyncio.gather(*(pc.close() for pc in pcs.values()))


def test_tracks_have_to_be_of_the_right_kind() -> None:
    with pytest.raises(SourceError):
        mesh_face(AudioStreamTrack())
    with pytest.raises(SourceError):
        mesh_face(VideoStreamTrack(), VideoStreamTrack())


def test_there_is_no_h264_among_several() -> None:
    with pytest.raises(ValueError, match="several viewers get keypoints alone"):
        mesh_face(VideoStreamTrack(), sending=SenderOptions(mode="h264"))
