"""Lessons of windows' generators and landmark networks: batches that fit, losses that fall, what is kept."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from codec.motion.face_windows import EYE, MOUTH
from codec.motion.landmarks import APERTURES, LIPS
from codec.networks.landmarks import FaceNetworks
from codec.networks.window_generator import CANDIDATES, WindowGenerator
from codec.training.face.drawing.window_data import WindowSamples
from codec.training.face.drawing.windows import Adversary, WindowLesson
from codec.training.face.faces import cut_faces
from codec.training.face.landmarks import lesson_of

SIZES = {"mouth": (80, 64), "eye": (48, 32)}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(3)


def drawn(name: str, *, count: int = 6, seed: int = 1) -> WindowSamples:
    """Windows whose second candidate shows what is wanted, the others noise."""
    random, (width, height) = np.random.default_rng(seed), SIZES[name]
    inputs = random.integers(0, 256, (count, height, width, 15), np.uint8)
    target = np.repeat(np.repeat(random.integers(40, 216, (count, height // 8, width // 8, 3), np.uint8), 8, 1), 8, 2)
    inputs[..., 3:6] = target
    return WindowSamples(inputs, target, np.arange(count, dtype=np.int64), np.arange(count) % 2 == 1)


def lesson(name: str, *, adversarial: bool = False, seed: int = 1) -> WindowLesson:
    return WindowLesson(name, drawn(name), drawn(name, seed=2), perceptual=None, adversarial=adversarial, seed=seed)


class Taking(nn.Module):
    """A generator that takes one candidate everywhere."""

    def __init__(self, candidate: int) -> None:
        super().__init__()
        self._candidate = candidate

    def forward(self, inputs: Tensor) -> Tensor:
        out = torch.zeros(len(inputs), 6, *inputs.shape[2:])
        out[:, self._candidate] = 1
        return out


@pytest.mark.parametrize("name", SIZES)
def test_scores_tell_what_is_drawn_from_what_is_underneath(name: str) -> None:
    right, under = (lesson(name).score(Taking(candidate)) for candidate in (1, 0))
    for mode in ("held", "single"):
        assert right[f"{mode}_psnr_db"] > 40
        assert right[f"{mode}_under_db"] == pytest.approx(under[f"{mode}_under_db"])
        assert under[f"{mode}_psnr_db"] == pytest.approx(under[f"{mode}_under_db"], abs=0.01)
        assert under[f"{mode}_psnr_db"] < 15


def test_the_loss_is_least_where_the_picture_is_right() -> None:
    """But for the batches that have their candidates exchanged."""
    losses = []
    for candidate in range(CANDIDATES):
        teacher = lesson("mouth", seed=4)
        losses.append(float(np.median([float(teacher.loss(Taking(candidate), progress=0.0)) for _ in range(9)])))
    assert losses[1] < 0.1 * min(losses[0], losses[2])


class Brightest(nn.Module):
    """Finds every point where the picture is brightest, softly: what a landmark network is to a window's lesson."""

    def __init__(self, points: int) -> None:
        super().__init__()
        self._points = points

    def forward(self, picture: Tensor) -> Tensor:
        height, width = picture.shape[2:]
        share = (8 * picture.mean(1)).flatten(1).softmax(1).view(-1, height, width)
        y, x = (torch.linspace(-1, 1, side) for side in (height, width))
        found = torch.stack(((share.sum(1) * x).sum(1), (share.sum(2) * y).sum(1)), 1)
        return found[:, None].expand(-1, self._points, -1) * torch.linspace(0.5, 1, self._points)[:, None]


@pytest.mark.parametrize(("name", "points"), [("mouth", len(MOUTH.shape)), ("eye", len(EYE[0].shape))])
def test_what_is_drawn_must_be_found_again(name: str, points: int) -> None:
    def taught(candidate: int, finder: nn.Module | None) -> tuple[WindowLesson, float]:
        samples = drawn(name)
        samples.inputs[..., 6:9] = samples.target  # so that exchanged candidates are right, too
        teacher = WindowLesson(name, samples, samples, perceptual=None, points=finder, adversarial=False, seed=1)
        return teacher, float(teacher.loss(Taking(candidate), progress=0.0))

    right, under = (taught(candidate, Brightest(points)) for candidate in (1, 0))
    assert right[1] == pytest.approx(taught(1, None)[1], abs=1e-4)
    assert under[1] > taught(0, None)[1] + 0.05
    for mode in ("held", "single"):
        assert right[0].score(Taking(1))[f"{mode}_points_percent"] == pytest.approx(0, abs=0.1)
        assert right[0].score(Taking(0))[f"{mode}_points_percent"] > 3
        assert right[0].score(Taking(1))[f"{mode}_under_points_percent"] > 3


class Watching(nn.Module):
    """A generator that counts what it is shown: how many windows with a shape of level 255, and how many in all."""

    def __init__(self, plane: int) -> None:
        super().__init__()
        self.rare, self.all, self._plane = 0, 0, plane

    def forward(self, inputs: Tensor) -> Tensor:
        self.rare += int((inputs[:, self._plane].mean((1, 2)) > 0.5).sum())
        self.all += len(inputs)
        return torch.zeros(len(inputs), 6, *inputs.shape[2:])


@pytest.mark.parametrize(("name", "plane"), [("mouth", 10), ("eye", 9)])
def test_rare_shapes_are_shown_more_often(name: str, plane: int) -> None:
    samples = drawn(name, count=40)
    samples.inputs[..., 9:11] = 0
    samples.inputs[:4, ..., plane] = 255
    one_clip = WindowSamples(samples.inputs, samples.target, np.zeros(40, np.int64), samples.single)
    teacher = WindowLesson(name, one_clip, one_clip, perceptual=None, adversarial=False, seed=1)
    watching = Watching(plane)
    for _ in range(20):
        teacher.loss(watching, progress=0.0)
    assert 0.25 < watching.rare / watching.all < 0.5, "a tenth of the samples, five times as often"


@pytest.mark.parametrize(("name", "progress", "adversarial"), [("mouth", 0.1, False), ("eye", 0.95, True)])
def test_a_generator_learns(name: str, progress: float, adversarial: bool) -> None:
    teacher, model = lesson(name, adversarial=adversarial), WindowGenerator()
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    with torch.no_grad():
        before = teacher.score(model.eval())["held_psnr_db"]
    for _ in range(12):
        loss = teacher.loss(model.train(), progress=progress)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(parameter.grad is not None for parameter in model.parameters())
        optimiser.step()
        assert torch.isfinite(loss)
    with torch.no_grad():
        assert teacher.score(model.eval())["held_psnr_db"] > before + 0.5


def test_the_adversary_comes_late() -> None:
    teacher, model = lesson("eye", adversarial=True), WindowGenerator()
    before = {name: value.clone() for name, value in teacher.state()["adversary"].items()}
    teacher.loss(model, progress=0.5)
    assert all(torch.equal(value, before[name]) for name, value in teacher.state()["adversary"].items())
    teacher.loss(model, progress=0.9)
    assert any(not torch.equal(value, before[name]) for name, value in teacher.state()["adversary"].items())


def test_a_resumed_lesson_has_its_adversary(tmp_path: Any) -> None:
    teacher, model = lesson("eye", adversarial=True), WindowGenerator()
    teacher.loss(model, progress=0.9)
    torch.save(teacher.state(), tmp_path / "state.pt")
    again = lesson("eye", adversarial=True)
    again.load_state(torch.load(tmp_path / "state.pt", weights_only=True))
    for name, value in teacher.state()["adversary"].items():
        torch.testing.assert_close(again.state()["adversary"][name], value)
    assert again.state()["against"]["state"].keys() == teacher.state()["against"]["state"].keys() != set()
    plain = lesson("eye")
    plain.load_state(lesson("eye").state())
    assert "adversary" not in plain.state()


def test_an_adversary_judges_patches() -> None:
    verdict, features = Adversary()(torch.rand(2, 3, 64, 80), torch.rand(2, 2, 64, 80))
    assert verdict.shape == (2, 1, 16, 20)
    assert len(features) == 3


@pytest.mark.parametrize("name", ["landmarks", "mouth_points", "eye_points"])
def test_a_landmark_network_learns(name: str, face_clips: Any) -> None:
    samples = cut_faces(face_clips.files[:1], every=3)
    teacher = lesson_of(name, samples, lambda asked, _: {asked: 1.0})
    model = getattr(FaceNetworks(), name).train()
    optimiser, losses = torch.optim.Adam(model.parameters(), 1e-3), []
    for _ in range(8):
        loss = teacher.loss(model, progress=0.0)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    assert teacher.score(model) == {name: 1.0}
    assert teacher.state() == {}


def test_what_opens_is_weighed_on_its_own(face_clips: Any) -> None:
    """A mouth that is found shut costs more than one that is found elsewhere by as much."""
    samples = cut_faces(face_clips.files[:1], every=6)
    pairs = [(a, b) for a, b in zip(*APERTURES, strict=True) if a in range(LIPS.start, LIPS.stop)]

    class Finding(nn.Module):
        """The right points, then moved by what it is told (40, 2)."""

        def __init__(self, away: Tensor) -> None:
            super().__init__()
            self.away, self.right = away, torch.zeros_like(away)

        def forward(self, pictures: Tensor) -> Tensor:
            return self.right + self.away

    def loss(away: Tensor) -> float:
        torch.manual_seed(9)
        teacher, model = lesson_of("mouth_points", samples, lambda *_: {}), Finding(away)
        batch = teacher._crops.batch(8)
        model.right = batch[1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(teacher._crops, "batch", lambda _: batch)
            return float(teacher.loss(model, progress=0.0))

    together, apart = torch.zeros(40, 2), torch.zeros(40, 2)
    together[:, 1] = 0.05
    apart[:, 1] = 0.05
    for _, lower in pairs:
        apart[lower, 1] = -0.05
    assert loss(torch.zeros(40, 2)) == pytest.approx(0, abs=1e-5)
    assert 0 < loss(together) < loss(apart)
