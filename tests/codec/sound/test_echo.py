"""The echo of what a loudspeaker plays is gone from what the microphone hears, and who speaks there is still heard."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from codec.errors import ExtraMissing
from codec.sound import SAMPLE_RATE, Samples
from codec.sound import echo as echo_room
from codec.sound.echo import ECHO_FRAME, ECHO_LAG, EchoCanceller, has_echo_canceller

canceller = pytest.mark.skipif(not has_echo_canceller(), reason="no echo canceller: pip install 'facewire[echo]'")


def talk(seconds: float, *, seed: int) -> Samples:
    """Something as loud and as uneven as speech: noise of a voice's band in syllables, with pauses. # (N,)"""
    random = np.random.default_rng(seed)
    size = round(seconds * SAMPLE_RATE)
    band = np.fft.rfft(random.standard_normal(size))
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    band *= (hertz > 150) * (hertz < 6000) / np.maximum(hertz, 300)
    t_s = np.arange(size) / SAMPLE_RATE
    loud = np.maximum(0, np.sin(2 * np.pi * 3.1 * t_s + seed)) * (np.sin(2 * np.pi * 0.45 * t_s + seed) > -0.6)
    voice = np.fft.irfft(band, size) * loud
    return np.asarray(0.07 * voice / voice.std(), np.float32)


def echo_of(samples: Samples, *, delay_s: float) -> Samples:
    """What comes back from a small room, half as loud, from a loudspeaker that is overdriven a little."""
    random = np.random.default_rng(5)
    t_s = np.arange(round(0.1 * SAMPLE_RATE)) / SAMPLE_RATE
    room = random.standard_normal(len(t_s)) * 10 ** (-3 * t_s / 0.08)
    size = 2 * len(samples)
    driven = 0.25 * np.tanh(samples / 0.25)
    back = np.fft.irfft(np.fft.rfft(driven, size) * np.fft.rfft(room, size), size)[: len(samples)]
    late = np.concatenate([np.zeros(round(delay_s * SAMPLE_RATE)), back])[: len(samples)]
    return np.asarray(late * 0.5 * samples.std() / back.std(), np.float32)


def without_echo(heard: Samples, played: Samples) -> Samples:
    cancelling = EchoCanceller()
    frames = range(0, len(heard) - ECHO_FRAME + 1, ECHO_FRAME)
    return np.concatenate(
        [cancelling.cancel(heard[at : at + ECHO_FRAME], played=played[at : at + ECHO_FRAME]) for at in frames]
    )


def level_db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples)) + 1e-12))


@canceller
@pytest.mark.parametrize("delay_s", [0.01, 0.04, 0.2])
def test_the_echo_is_25_db_under_what_the_microphone_hears(delay_s: float) -> None:
    played = talk(6, seed=1)
    heard = echo_of(played, delay_s=delay_s)
    left = without_echo(heard, played)
    settled = slice(2 * SAMPLE_RATE, None)
    assert level_db(left[settled]) < level_db(heard[settled]) - 25


@canceller
def test_who_speaks_while_nothing_is_played_is_heard_as_loud() -> None:
    speaking = talk(4, seed=2)
    left = without_echo(speaking, np.zeros_like(speaking))
    assert level_db(left) == pytest.approx(level_db(speaking), abs=1.5)


@canceller
def test_what_comes_out_is_behind_by_as_much_as_is_said() -> None:
    speaking = talk(4, seed=3)
    left = without_echo(speaking, np.zeros_like(speaking))
    size = 2 * len(speaking)
    alike = np.fft.irfft(np.fft.rfft(left, size) * np.conj(np.fft.rfft(speaking, size)), size)
    assert int(np.argmax(alike[:SAMPLE_RATE])) == pytest.approx(ECHO_LAG, abs=2)


def test_without_the_extra_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "livekit.rtc.apm", None)
    with pytest.raises(ExtraMissing, match=r"no echo canceller: pip install 'facewire\[echo\]'"):
        EchoCanceller()


@pytest.mark.parametrize("there", [True, False])
def test_whether_there_is_one_is_known_before_it_is_loaded(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    def find(name: str) -> Any:
        if not there:
            raise ModuleNotFoundError(name)
        return find_spec("codec")

    monkeypatch.setattr(echo_room, "find_spec", find)
    assert has_echo_canceller() is there
