"""Tests of sender.broadcast: a voice is coded once and goes to all viewers that take sound, each by its own line."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from codec.sound import SoundConfig, SoundMessage
from codec.sound.opus import SoundEncoder
from sender.broadcast import FaceBroadcast
from sender.broadcast.agreement import Wish, agree
from sender.options import parse_arguments
from sender.pace.shares import Needs, share_out
from sender.sound import Block
from sender.sound.voice import Voice
from signaling.protocol.capabilities import SOUND
from signaling.protocol.messages import Capabilities, ReceiverReport
from signaling.transport.memory import memory_pair

LAG = SoundEncoder(SoundConfig()).lookahead * 90_000 / 48_000  # by which what is decoded is behind


class Microphone:
    """Gives a hum, frame by frame, when it is told to."""

    label = "microphone"

    def __init__(self) -> None:
        self._deliver: Callable[[Block], None] = lambda block: None
        self._frames = 0

    async def run(self, deliver: Callable[[Block], None]) -> None:
        self._deliver = deliver
        await asyncio.Event().wait()

    def give(self, frames: int) -> None:
        for _ in range(frames):
            t_s = (np.arange(1920) + 1920 * self._frames) / 48_000
            swell = 0.3 * np.maximum(0.0, np.sin(2 * np.pi * 3 * t_s))
            hum = swell * sum(np.sin(2 * np.pi * 150 * n * t_s) / n for n in range(1, 8))
            self._deliver(Block(hum.astype(np.float32), 5 + 0.04 * self._frames))
            self._frames += 1


class Stage:
    """A broadcast with a voice, and what its viewers hear."""

    def __init__(self, session: Any, fakes: Any, coded: list[int]) -> None:
        self._fakes, self._session, self.coded = fakes, session, coded
        self.microphone = Microphone()
        self.broadcast = FaceBroadcast(
            session.capture,
            worker=session.worker,
            options=session.options,
            voice=Voice(self.microphone, SoundConfig()),
            clock=session.clock,
        )

    @asynccontextmanager
    async def runs(self):
        async with self.broadcast:
            await self._session.source.running.wait()
            yield self

    async def join(self, *, features: tuple[str, ...] = (SOUND,)) -> tuple[Any, Any, list[SoundMessage]]:
        near, far = memory_pair()
        viewer, heard = self.broadcast.add(near), list[SoundMessage]()
        end = self._fakes.FarEnd(far)
        far.sound.set_receiver(lambda data: heard.append(SoundMessage.parse(data)))
        await self._fakes.ready()
        end.say(Capabilities(end="receiver", features=features))
        await self._fakes.ready()
        return viewer, end, heard

    async def speak(self, frames: int) -> None:
        self.microphone.give(frames)
        await self._fakes.ready()


@pytest.fixture
def stage(fakes, clock, monkeypatch: pytest.MonkeyPatch) -> Stage:
    coded, encode = list[int](), SoundEncoder.encode

    def counted(encoder: SoundEncoder, samples: Any) -> bytes:
        coded.append(len(samples))
        return encode(encoder, samples)

    monkeypatch.setattr(SoundEncoder, "encode", counted)
    return Stage(fakes.Session(clock, bundle=4), fakes, coded)


def frames_of(heard: list[SoundMessage]) -> list[bytes]:
    return [frame for message in heard for frame in message.frames]


async def test_all_that_take_sound_hear_what_is_coded_once(stage: Stage) -> None:
    async with stage.runs():
        (_, _, first), (_, _, second), (_, _, older) = [
            await stage.join(features=features) for features in ((SOUND,), (SOUND,), ())
        ]
        await stage.speak(30)
        assert stage.coded == 30 * [1920]
        assert len(frames_of(first)) >= 25
        assert frames_of(first) == frames_of(second)
        assert any(frames_of(first))
        assert older == []
        assert first[0].time == round(5 * 90_000 - LAG)


async def test_nothing_is_coded_while_nobody_takes_sound(stage: Stage) -> None:
    async with stage.runs():
        await stage.join(features=())
        await stage.speak(10)
        assert stage.coded == []


async def test_who_comes_later_hears_from_then_on_and_who_has_gone_nothing_more(stage: Stage) -> None:
    async with stage.runs():
        viewer, _, first = await stage.join()
        await stage.speak(10)
        _, _, second = await stage.join()
        viewer.close()
        await stage.speak(0)
        before = len(first)
        await stage.speak(10)
        assert len(first) == before
        assert second[0].sequence == 0
        assert second[0].time == round(5.4 * 90_000 - LAG)


async def test_only_a_viewer_whose_line_loses_gets_each_frame_twice(stage: Stage) -> None:
    async with stage.runs():
        _, _, first = await stage.join()
        _, lossy, second = await stage.join()
        lossy.say(ReceiverReport(0.0, None, 25.0, 1.0, sound_loss=0.1))
        await stage.speak(0)
        await stage.speak(30)
        assert not any(message.repeated for message in first)
        assert all(message.repeated for message in second[1:])
        assert frames_of(first) == frames_of(second)


async def test_viewers_figures_say_what_each_was_sent(stage: Stage) -> None:
    async with stage.runs():
        viewer, _, heard = await stage.join()
        await stage.speak(30)
        assert viewer._state().totals["sound_messages"] == len(heard)


def test_the_voice_is_as_fine_as_the_thinnest_line_that_is_waited_for() -> None:
    needs = Needs(bundle=4, sound_kbps=8.0, reference_kbps=20.0, h264_kbps=60.0)
    agreed = agree([Wish(share_out(kbps, needs), 30) for kbps in (None, 18.0)])
    assert agreed.shares.sound_kbps == 6.0


def test_several_viewers_can_be_sent_a_voice() -> None:
    options, _ = parse_arguments(["--viewers", "2", "--microphone", "default"])
    assert (options.viewers, options.microphone) == (2, "default")
