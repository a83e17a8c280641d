"""A voice on its way: sent once it is wanted, muted as silence, and tried again when its source breaks."""

from collections.abc import Callable

import numpy as np
import pytest

from codec.sound import SoundConfig, SoundMessage
from sender.errors import SourceError
from sender.sound import Block, SoundFlow
from signaling.protocol.capabilities import SOUND
from signaling.protocol.messages import Capabilities
from signaling.transport.channels import Channels
from signaling.transport.memory import VirtualClock, memory_pair


class Breaking:
    """A microphone that works for a second, and is pulled out `times` times."""

    label = "microphone"

    def __init__(self, times: int) -> None:
        self._left, self._blocks = times, 0

    async def run(self, deliver: Callable[[Block], None]) -> None:
        for _ in range(50):
            t = (np.arange(960) + 960 * self._blocks) / 48_000
            swell = 0.001 + 0.3 * np.maximum(0, np.sin(2 * np.pi * 3 * t))
            hum = sum(np.sin(2 * np.pi * 150 * n * t) / n for n in range(1, 8))
            deliver(Block((swell * hum).astype(np.float32), 1 + 0.02 * self._blocks))
            self._blocks += 1
        self._left -= 1
        raise SourceError("microphone: gone")


class Stop(Exception):
    """The test has seen enough."""


def flow_of(channels: Channels, *, pauses: list[float], news: list[str]) -> SoundFlow:
    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise Stop

    return SoundFlow(Breaking(3), channels, config=SoundConfig(), bundle_ms=160, news=news.append, sleep=sleep)


@pytest.mark.parametrize("muted", [False, True])
async def test_a_source_that_breaks_is_tried_again_and_told_once(muted: bool) -> None:
    clock, pauses, news, heard = VirtualClock(), list[float](), list[str](), list[SoundMessage]()
    near, far = memory_pair(clock=clock)
    assert far.sound is not None
    far.sound.set_receiver(lambda data: heard.append(SoundMessage.parse(data)))
    flow = flow_of(near, pauses=pauses, news=news)
    flow.meet(Capabilities(end="receiver", features=(SOUND,)))
    flow.muted = muted
    with pytest.raises(Stop):
        await flow.run()
    clock.advance(1)
    assert news == ["microphone: gone; no sound until it works again"]
    assert pauses[0] < pauses[1] < pauses[2]
    frames = [frame for message in heard for frame in message.frames]
    assert len(frames) > 60
    assert (sum(map(bool, frames)) < 0.4 * len(frames)) == muted
    assert (flow.level_db == -90.0) == muted


@pytest.mark.parametrize("peer", [None, Capabilities(end="receiver")])
async def test_nothing_is_sent_to_an_end_that_takes_no_sound(peer: Capabilities | None) -> None:
    near, _ = memory_pair(clock=VirtualClock())
    flow = flow_of(near, pauses=[], news=[])
    flow.meet(peer)
    with pytest.raises(Stop):
        await flow.run()
    assert not flow.carry(b"motion")
    assert flow.figures() == {}
