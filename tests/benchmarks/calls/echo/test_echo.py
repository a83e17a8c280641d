"""Measuring echo: figures of cancellers that are known, the made room, and the whole command."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.calls.echo import command, scene
from benchmarks.calls.echo.report import read_echo
from benchmarks.calls.echo.run import EchoRow, echo_row
from benchmarks.calls.echo.scene import ALONE_S, BOTH_S, NEAR_S, Scene, echo_of, make_scene
from benchmarks.errors import ResultsError
from codec.sound import SAMPLE_RATE, Samples
from codec.sound.echo import ECHO_FRAME, ECHO_LAG, EchoCanceller, has_echo_canceller


def made() -> Scene:
    """Noises in place of voices."""
    random, cut = np.random.default_rng(3), [round(at * SAMPLE_RATE) for at in (ALONE_S, ALONE_S + NEAR_S)]
    size = round((ALONE_S + NEAR_S + BOTH_S) * SAMPLE_RATE)
    far, near = (random.standard_normal(size).astype(np.float32) * np.float32(0.05) for _ in range(2))
    far[cut[0] : cut[1]] = 0.0
    near[: cut[0]] = 0.0
    return Scene(far, near, np.float32(1e-4) * random.standard_normal(size).astype(np.float32))


class Delaying(EchoCanceller):
    """Does to time what every canceller does; what comes while something is played is quieter by so much."""

    def __init__(self, *, quieter_db: float = 0.0) -> None:
        self._before = np.zeros(ECHO_LAG, np.float32)
        self._gain = np.float32(10 ** (-quieter_db / 20))

    def cancel(self, heard: Samples, *, played: Samples) -> Samples:
        out, self._before = np.split(np.concatenate([self._before, heard]), [ECHO_FRAME])
        return out * self._gain if played.any() else out


def row(*, quieter_db: float) -> EchoRow:
    return echo_row(made(), loudness_db=-6, delay_ms=40, drift_ppm=0, make=lambda: Delaying(quieter_db=quieter_db))


def test_what_does_nothing_leaves_all_of_it_and_what_takes_all_away_takes_who_speaks_too() -> None:
    idle, quieter = row(quieter_db=0.0), row(quieter_db=30.0)
    assert idle.left_db == pytest.approx(0.0, abs=0.01)
    assert idle.gone_after_s is None
    assert idle.near_level_db == pytest.approx(0.0, abs=0.02)
    assert idle.near_distance_db == pytest.approx(0.0, abs=0.1)
    assert idle.both_distance_db == pytest.approx(idle.echo_distance_db, abs=0.1)
    assert idle.both_snr_db == pytest.approx(6.0, abs=0.5)
    assert quieter.left_db == pytest.approx(-30.0, abs=0.1)
    assert quieter.gone_after_s is not None
    assert quieter.gone_after_s < 0.5
    assert quieter.near_level_db == pytest.approx(0.0, abs=0.02)
    assert quieter.both_level_db == pytest.approx(-30.0, abs=0.5)


def test_an_echo_is_as_loud_and_as_late_as_it_is_told_to_be() -> None:
    played = np.zeros(SAMPLE_RATE, np.float32)
    played[4800:9600] = 0.1 * np.sin(np.arange(4800) / 7)
    back = echo_of(played, loudness_db=-6, delay_ms=50, drift_ppm=0)
    assert 10 * np.log10(np.mean(back**2) / np.mean(played**2)) == pytest.approx(-6, abs=0.1)
    assert int(np.flatnonzero(np.abs(back) > 1e-4)[0]) == pytest.approx(4800 + 2400, abs=5)
    slower = echo_of(played, loudness_db=-6, delay_ms=50, drift_ppm=1000)
    assert int(np.flatnonzero(np.abs(slower) > 1e-4)[0]) == pytest.approx(4800 + 2400 - 7, abs=5)


@pytest.mark.skipif(not has_echo_canceller(), reason="no echo canceller: pip install 'facewire[echo]'")
def test_the_command_measures_draws_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "make_scene", made)
    path, document = tmp_path / "e.json", tmp_path / "page.md"
    flags = ["--delay-ms", "60", "--drift-ppm", "0", "--loudness-db", "-6"]
    assert main(["echo", *flags, "--json", str(path), "--plot", str(tmp_path / "e.png")]) == 0
    assert (tmp_path / "e.png").stat().st_size > 5_000
    (measured,) = read_echo(json.loads(path.read_text())).rows
    assert measured.left_db < -20
    document.write_text("<!-- echo figures --><!-- end of echo figures -->")
    capsys.readouterr()
    assert main(["table", str(path), "--into", str(document)]) == 0
    assert "who speaks beside it" in capsys.readouterr().out
    assert "| -6 | 60 |" in document.read_text()


def test_nonsense_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--delay-ms", "0"], ["--drift-ppm", "5000"], ["--loudness-db", "99"]):
        assert main(["echo", *wrong]) == 2
        error = capsys.readouterr().err
        assert error.startswith("benchmarks: ")
        assert len(error.splitlines()) == 1
    monkeypatch.setattr(scene.shutil, "which", lambda name: None)
    assert main(["echo"]) == 2
    assert "apt-get install espeak-ng" in capsys.readouterr().err
    with pytest.raises(ResultsError):
        read_echo({"benchmark": "delay"})


@pytest.mark.skipif(scene.shutil.which("espeak-ng") is None, reason="not there: apt-get install espeak-ng")
def test_both_speak_in_their_time() -> None:
    both = make_scene()
    cut = [round(at * SAMPLE_RATE) for at in (ALONE_S, ALONE_S + NEAR_S)]
    assert not both.near[: cut[0]].any()
    assert not both.far[cut[0] : cut[1]].any()
    for voice in (both.far[: cut[0]], both.near[cut[0] : cut[1]], both.far[cut[1] :], both.near[cut[1] :]):
        assert -36 < 10 * np.log10(np.mean(voice**2)) < -25
