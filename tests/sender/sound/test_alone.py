"""Sound goes without pictures: those of a sender that never has any, and of one whose pictures stop."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codec.sound import SoundConfig, SoundMessage
from sender import FaceSender
from sender.sound import Block, SoundFlow
from signaling.protocol.capabilities import SOUND
from signaling.protocol.messages import Capabilities
from signaling.transport.memory import memory_pair


class Humming:
    """A microphone that gives a second of a hum once it is run."""

    label = "microphone"

    async def run(self, deliver: Callable[[Block], None]) -> None:
        await self.asked.wait()
        t_s = np.arange(48_000) / 48_000
        swell = 0.3 * np.maximum(0.0, np.sin(2 * np.pi * 3 * t_s))
        deliver(Block((swell * np.sin(2 * np.pi * 300 * t_s)).astype(np.float32), 1.0))
        await asyncio.Event().wait()

    def __init__(self) -> None:
        self.asked = asyncio.Event()


@pytest.mark.parametrize("pictures", [0, 3])
async def test_a_voice_needs_no_pictures(pictures: int, fakes: Any, clock: Any) -> None:
    session, microphone, heard = fakes.Session(clock, bundle=4), Humming(), list[SoundMessage]()
    near, far = memory_pair()
    sender = FaceSender(
        near,
        session.capture,
        worker=session.worker,
        options=session.options,
        sound=SoundFlow(microphone, near, config=SoundConfig(), bundle_ms=160),
        clock=clock,
    )
    end = fakes.FarEnd(far)
    assert far.sound is not None
    far.sound.set_receiver(lambda data: heard.append(SoundMessage.parse(data)))
    async with sender:
        await session.source.running.wait()
        end.say(Capabilities(end="receiver", features=(SOUND,)))
        await session.picture(pictures)
        await fakes.ready()
        microphone.asked.set()
        await fakes.ready()
    assert sum(len(message.frames) for message in heard) >= 20
    assert any(frame for message in heard for frame in message.frames)
