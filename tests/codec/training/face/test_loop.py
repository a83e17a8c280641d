"""The loop: it learns, ends by its minutes, goes on from its checkpoint; processes agree on every weight."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from codec.errors import WeightsError
from codec.training.face import loop
from codec.training.face.loop import Schedule, process_count, process_rank, read_checkpoint, train

ROOT = Path(__file__).parents[4]


class StepClock:
    """A clock that goes on by a sixteenth of a second whenever it is looked at: so long takes a step."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def monotonic(self) -> float:
        self._now_s += 1 / 16
        return self._now_s


@pytest.fixture(autouse=True)
def step_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "time", StepClock())


class Line:
    """To learn y = 3 x - 1."""

    name = "line"

    def __init__(self, *, stop_after: int | None = None) -> None:
        self.batches, self.seen, self.shown = 0, list[float](), list[float]()
        self._stop_after = stop_after

    def loss(self, model: nn.Module, *, progress: float) -> Tensor:
        if self.batches == self._stop_after:
            raise KeyboardInterrupt
        self.batches += 1
        self.seen.append(progress)
        x = torch.randn(16, 1)
        self.shown.append(float(x.sum()))
        loss: Tensor = (model(x) - (3 * x - 1)).square().mean()
        return loss

    def score(self, model: nn.Module) -> Mapping[str, float]:
        assert not model.training
        x = torch.linspace(-1, 1, 9)[:, None]
        return {"error": float((model(x) - (3 * x - 1)).square().mean())}

    def state(self) -> dict[str, Any]:
        return {"batches": self.batches}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.batches = state["batches"]


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Linear(1, 1)


def schedule(minutes: float, *, score_s: float = 1.0) -> Schedule:
    return Schedule(minutes=minutes, rate=0.1, decay=0.0, average=0.9, score_s=score_s)


def test_it_learns_and_says_how_it_does(tmp_path: Path) -> None:
    said: list[str] = []
    ticks: list[float] = []
    lesson = Line()
    average = train(lesson, network(), schedule(0.25), folder=tmp_path, say=said.append, tick=ticks.append)
    held = read_checkpoint(tmp_path, "line")
    assert held is not None
    assert lesson.score(average.eval())["error"] < 0.1
    assert not any(parameter.requires_grad for parameter in average.parameters())
    assert held.log[-1]["error"] < held.log[0]["error"]
    assert held.steps == lesson.batches == 240
    assert held.minutes == pytest.approx(0.25, abs=0.01)
    assert len(said) == len(held.log) > 10
    assert lesson.seen == sorted(lesson.seen)
    assert 0 == lesson.seen[0] < lesson.seen[-1] < 1
    assert len(ticks) == held.steps
    assert ticks == sorted(ticks)


def test_the_average_is_what_is_kept(tmp_path: Path) -> None:
    model = network()
    average = train(Line(), model, schedule(0.05), folder=tmp_path, say=lambda _: None)
    held = torch.load(tmp_path / "line.pt", weights_only=True)
    kept = read_checkpoint(tmp_path, "line")
    assert kept is not None
    for name, value in average.state_dict().items():
        torch.testing.assert_close(kept.average[name], value)
        torch.testing.assert_close(held["model"][name], model.state_dict()[name])
    assert any(not torch.equal(value, model.state_dict()[name]) for name, value in average.state_dict().items())


def test_it_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    train(Line(), network(), schedule(0.05), folder=tmp_path, say=lambda _: None)
    before = torch.load(tmp_path / "line.pt", weights_only=True)
    lesson, model = Line(), network()
    train(lesson, model, schedule(0.1), folder=tmp_path, say=lambda _: None)
    after = torch.load(tmp_path / "line.pt", weights_only=True)
    assert (before["steps"], after["steps"], lesson.batches) == (48, 96, 96)
    assert lesson.seen[0] == pytest.approx(0.5, abs=0.02), "half of the minutes are over"
    assert after["log"][: len(before["log"])] == before["log"]
    assert after["log"][-1]["error"] < before["log"][0]["error"]
    assert int(after["optimiser"]["state"][0]["step"]) == 96


def test_a_run_that_is_over_does_nothing_more(tmp_path: Path) -> None:
    train(Line(), network(), schedule(0.05), folder=tmp_path, say=lambda _: None)
    before = torch.load(tmp_path / "line.pt", weights_only=True)
    lesson = Line()
    average = train(lesson, network(), schedule(0.05), folder=tmp_path, say=lambda _: None)
    assert not lesson.seen
    for name, value in average.state_dict().items():
        torch.testing.assert_close(value, before["average"][name])


def test_an_interrupted_run_goes_on_from_its_last_score(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(Line(stop_after=40), network(), schedule(0.1), folder=tmp_path, say=lambda _: None)
    held = read_checkpoint(tmp_path, "line")
    assert held is not None
    assert 0 < held.steps <= 40
    lesson = Line()
    train(lesson, network(), schedule(0.1), folder=tmp_path, say=lambda _: None)
    assert len(lesson.seen) == 96 - held.steps
    assert {path.name for path in tmp_path.iterdir()} == {"line.pt"}


def test_a_resumed_run_sees_other_batches(tmp_path: Path) -> None:
    """Though whoever starts it sets the same seed."""
    lessons = Line(), Line()
    for lesson, minutes in zip(lessons, (0.05, 0.1), strict=True):
        torch.manual_seed(5)
        train(lesson, network(), schedule(minutes), folder=tmp_path, say=lambda _: None)
    assert not set(lessons[0].shown) & set(lessons[1].shown)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 nearly"])
def test_damaged_checkpoints_are_refused_by_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "line.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"line\.pt"):
        train(Line(), network(), schedule(0.05), folder=tmp_path, say=lambda _: None)
    with pytest.raises(WeightsError, match=r"line\.pt"):
        read_checkpoint(tmp_path, "line")


@pytest.mark.parametrize("missing", ["model", "average", "optimiser", "steps", "log", "lesson", "spent_s"])
def test_checkpoints_that_lack_something_are_refused_by_name(missing: str, tmp_path: Path) -> None:
    train(Line(), network(), schedule(0.02), folder=tmp_path, say=lambda _: None)
    held = torch.load(tmp_path / "line.pt", weights_only=True)
    del held[missing]
    torch.save(held, tmp_path / "line.pt")
    with pytest.raises(WeightsError, match=r"line\.pt"):
        train(Line(), network(), schedule(0.05), folder=tmp_path, say=lambda _: None)


def test_a_checkpoint_of_another_network_is_refused_by_name(tmp_path: Path) -> None:
    train(Line(), network(), schedule(0.02), folder=tmp_path, say=lambda _: None)
    with pytest.raises(WeightsError, match=r"line\.pt"):
        train(Line(), nn.Linear(2, 1), schedule(0.05), folder=tmp_path, say=lambda _: None)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot write"):
        train(Line(), network(), schedule(0.02), folder=tmp_path / "absent", say=lambda _: None)
    assert read_checkpoint(tmp_path / "absent", "line") is None


def test_one_process_is_the_first_of_one() -> None:
    assert (process_rank(), process_count()) == (0, 1)


_TWO = """
import sys
from pathlib import Path

import torch
from torch import nn

from codec.training.face.loop import Schedule, process_count, process_rank, start_processes, stop_processes, train

torch.set_num_threads(1)
start_processes()
rank, folder = process_rank(), Path(sys.argv[1])
assert process_count() == 2


class Tug:
    name = "tug"

    def loss(self, model, *, progress):
        x = torch.randn(8, 2)
        return (model(x) - (2 * rank - 1)).square().mean()

    def score(self, model):
        return {"bias": float(model.bias)}

    def state(self):
        return {}

    def load_state(self, state):
        pass


torch.manual_seed(0)
model = nn.Linear(2, 1)
torch.manual_seed(rank)
average = train(Tug(), model, Schedule(minutes=0.02, rate=0.05, score_s=0.4), folder=folder, say=print)
torch.save({"model": model.state_dict(), "average": average.state_dict()}, folder / f"rank{rank}.pt")
stop_processes()
"""


def test_two_processes_train_the_same_weights(tmp_path: Path) -> None:
    """One pulls towards -1 and the other towards 1: averaged gradients leave both in the middle."""
    script = tmp_path / "two.py"
    script.write_text(_TWO)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run = subprocess.run(
        [*torchrun, str(script), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    ranks = [torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
    for part in ("model", "average"):
        for name, value in ranks[0][part].items():
            assert torch.equal(value, ranks[1][part][name]), (part, name)
    held = read_checkpoint(tmp_path, "tug")
    assert held is not None
    assert held.steps > 5
    assert held.log[-1]["processes"] == 2
    assert len(held.log) == run.stdout.count("tug "), "one of them says how it goes"
    assert abs(float(ranks[0]["model"]["bias"])) < 0.8
    for name, value in ranks[0]["average"].items():
        torch.testing.assert_close(held.average[name], value)
