"""Several voices as one: summed, held to full scale, and how loud each is."""

import numpy as np
import pytest

from codec.sound import Samples
from codec.sound.level import QUIET_DB
from receiver.sound.mixer import Mixer


class Constant:
    """A voice of one value, which keeps what it was pulled with."""

    def __init__(self, value: float) -> None:
        self.value = value
        self.pulled: list[tuple[int, int, int]] = []

    def pull(self, count: int, *, play_us: int, now_us: int) -> Samples:
        self.pulled.append((count, play_us, now_us))
        return np.full(count, self.value, np.float32)


def pull(mixer: "Mixer[str]", count: int = 960) -> Samples:
    return mixer.pull(count, play_us=7, now_us=5)


def test_voices_are_summed_and_held_to_full_scale() -> None:
    mixer: Mixer[str] = Mixer()
    assert np.all(pull(mixer) == 0.0)
    one, two, three = Constant(0.5), Constant(-0.25), Constant(-2.0)
    mixer.add("one", one)
    mixer.add("two", two)
    np.testing.assert_array_equal(pull(mixer), np.full(960, 0.25, np.float32))
    mixer.add("three", three)
    np.testing.assert_array_equal(pull(mixer), np.full(960, -1.0, np.float32))
    mixer.remove("three")
    mixer.remove("nobody")
    np.testing.assert_array_equal(pull(mixer, 480), np.full(480, 0.25, np.float32))
    assert one.pulled == [(960, 7, 5), (960, 7, 5), (480, 7, 5)]
    assert len(three.pulled) == 1


def test_a_level_follows_its_voice_and_no_other() -> None:
    mixer: Mixer[str] = Mixer()
    loud = Constant(0.1)
    mixer.add("loud", loud)
    mixer.add("silent", Constant(0.0))
    assert mixer.levels_db() == {"loud": QUIET_DB, "silent": QUIET_DB}
    for _ in range(100):
        pull(mixer)
    assert mixer.levels_db() == {"loud": pytest.approx(-20.0, abs=0.1), "silent": QUIET_DB}
    loud.value = 0.0
    for _ in range(10):  # two tenths of a second, of which one takes it to 1/e
        pull(mixer)
    assert mixer.levels_db()["loud"] == pytest.approx(-20.0 - 8.7, abs=0.3)
