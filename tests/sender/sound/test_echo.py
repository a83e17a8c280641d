"""What is played stands beside what is heard, whatever the clocks of the two devices do; and without a canceller."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from codec.errors import ExtraMissing
from codec.sound import SAMPLE_RATE, Samples
from codec.sound.echo import ECHO_FRAME, ECHO_LAG, EchoCanceller
from sender.sound.echo import EchoFree, Played
from sender.sound.sources import Block

TURN = 1 << 20  # numbers that float32 can tell apart


def ramp(first: int, count: int) -> Samples:
    """Samples that say which they are, from 1 on. # (count,)"""
    return ((np.arange(first, first + count) % TURN + 1) / TURN).astype(np.float32)


def devices(played: Played, *, seconds: float, ppm: float = 0.0, burst: int = 1, stop_s: float = 1e9) -> list[int]:
    """How many samples the loudspeaker is ahead of each frame that is taken; -1 for a frame that ends in silence.

    It is given `burst` blocks of 20 ms at once; its clock is faster than the microphone's by `ppm`, and it stands still
    after `stop_s`.
    """
    given, ahead = 0, list[int]()
    for frame in range(round(seconds * 100)):
        due = (frame + 2) * ECHO_FRAME * (1 + ppm * 1e-6)
        while given < due and frame / 100 < stop_s:
            played.add(ramp(given, 960 * burst))
            given += 960 * burst
        last = round(float(played.take()[-1]) * TURN)
        ahead.append((given - last) % TURN if last else -1)
    return ahead


def test_what_was_played_is_taken_in_its_order_and_in_frames() -> None:
    played = Played()
    played.add(ramp(1, 6 * ECHO_FRAME))
    taken = np.concatenate([played.take(), played.take()])
    assert len(taken) == 2 * ECHO_FRAME
    assert np.array_equal(np.diff(taken * TURN), np.ones(2 * ECHO_FRAME - 1))


def test_nothing_played_is_silence() -> None:
    assert not Played().take().any()


@pytest.mark.parametrize(("ppm", "burst"), [(-300.0, 1), (300.0, 1), (0.0, 4)])
def test_clocks_that_drift_stay_together(ppm: float, burst: int) -> None:
    ahead = devices(Played(), seconds=200, ppm=ppm, burst=burst)
    settled = ahead[2000:]
    assert min(settled) >= 0  # nothing was lacking
    assert max(settled) - min(settled) < 960 * burst + 1440  # the drift alone is 2,880
    assert max(settled) < 960 * (burst + 2)


def test_a_second_that_one_device_slept_is_made_good() -> None:
    played = Played()
    devices(played, seconds=5)
    played.add(ramp(0, SAMPLE_RATE // 2))  # the microphone stood still meanwhile
    for _ in range(400):
        played.take()
        played.add(ramp(0, ECHO_FRAME))
    waiting = next(count for count in range(200) if not played.take().any())
    assert waiting * ECHO_FRAME < 0.05 * SAMPLE_RATE


def test_a_loudspeaker_that_ends_is_silence_and_one_that_begins_again_is_followed() -> None:
    played = Played()
    devices(played, seconds=6, stop_s=2)
    assert not played.take().any()
    ahead = devices(played, seconds=5)
    assert 0 <= ahead[-1] < 0.05 * SAMPLE_RATE


class Source:
    """A microphone that hears ones, in blocks of an odd length."""

    label = "microphone of the test"

    async def run(self, deliver: Callable[[Block], None]) -> None:
        for number in range(10):
            deliver(Block(np.ones(700, np.float32), 5.0 + 700 * number / SAMPLE_RATE))
            await asyncio.sleep(0)


class Subtracting(EchoCanceller):
    """Takes away what is played, as it is."""

    def __init__(self) -> None:
        self.played: list[Samples] = []

    def cancel(self, heard: Samples, *, played: Samples) -> Samples:
        self.played.append(played)
        return heard - played


async def test_what_is_played_is_taken_out_and_times_say_how_late_it_comes() -> None:
    made = Subtracting()
    free, blocks = EchoFree(Source(), say=pytest.fail, make=lambda: made), list[Block]()

    def heard(block: Block) -> None:
        blocks.append(block)
        free.played(np.full(ECHO_FRAME, 0.25, np.float32))

    await free.run(heard)
    assert free.label == "microphone of the test"
    assert all(len(block.samples) == ECHO_FRAME for block in blocks)
    assert [block.captured_s for block in blocks[:2]] == pytest.approx(
        [5 - ECHO_LAG / 48_000, 5.01 - ECHO_LAG / 48_000]
    )
    assert blocks[0].samples[0] == 1.0  # nothing had been played
    assert blocks[-1].samples[-1] == 0.75


async def test_without_a_canceller_that_is_said_once_and_the_voice_comes_as_it_is() -> None:
    def none() -> EchoCanceller:
        raise ExtraMissing("there is none")

    said, blocks = list[str](), list[Block]()
    free = EchoFree(Source(), say=said.append, make=none)
    for _ in range(2):
        free.played(np.zeros(960, np.float32))
        await free.run(blocks.append)
    assert said == ["there is none; use headphones"]
    assert len(blocks) == 20
    assert all(len(block.samples) == 700 for block in blocks)
