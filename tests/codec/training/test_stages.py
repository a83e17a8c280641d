"""Restoration and generator learn alone: crops that fit, recordings of the real encoder, a stage left out."""

from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codec.networks import FaceModel
from codec.networks.store import serialize
from codec.training import steps
from codec.training.__main__ import main
from codec.training.data import recording as recorded
from codec.training.data.coded_references import CodingOptions, code_references
from codec.training.data.dataset import Dataset, find_clips, load
from codec.training.stages.generator import Recordings, generator_loss
from codec.training.stages.restoration import CROP, CodedPictures, place, restoration_loss
from codec.weights import files as weights

CPU = torch.device("cpu")


def stirred() -> FaceModel:
    """Networks that start as the identity do something."""
    torch.manual_seed(3)
    model = FaceModel()
    for part in (model.restoration, model.appearance, model.generator, model.flow_refinement):
        for parameter in part.parameters():
            torch.nn.init.normal_(parameter, std=0.05)
    return model


@pytest.fixture(scope="module")
def dataset(clips: Path) -> Dataset:
    """One clip, and one of stills."""
    files = [*find_clips([clips])[:1], *find_clips([clips], still=True)[1:2]]
    references = code_references(files, CodingOptions(size=256, per_clip=2, per_stills=2, seed=1))
    return load(files, size=256, per_clip=4, references=references)


@pytest.fixture(scope="module")
def recordings(clips: Path, faces: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two clips' recordings, by untrained networks that know a mean face."""
    folder = tmp_path_factory.mktemp("recordings")
    path, model, shape = folder.parent / "start.safetensors", FaceModel(), faces.shape()
    for part in ("mean", "basis", "weight"):
        getattr(model.shape, part).copy_(torch.from_numpy(getattr(shape, part)))
    path.write_bytes(serialize(model, weights.default_coding_tables(), metadata={}))
    files = find_clips([clips])
    recorded.record(files, folder, weights=path, seconds=0, workers=4, seed=1)
    assert len(list(folder.iterdir())) == 1, "no time, and yet one"
    recorded.record(files, folder, weights=path, seconds=0, workers=4, seed=1)
    assert len(list(folder.iterdir())) == 1
    recorded.record(files[:2], folder, weights=path, seconds=19, workers=4, seed=1)
    assert len(list(folder.iterdir())) == 2
    return folder


def test_coded_crops_lie_where_the_clean_ones_do(dataset: Dataset) -> None:
    pictures = CodedPictures(dataset, seed=1, device=CPU)
    for _ in range(4):
        crops = pictures.batch(6)
        assert crops.coded.shape == crops.clean.shape == (6, 3, CROP, CROP)
        assert ((crops.crf >= 20) & (crops.crf <= 63)).all()
        error = (crops.coded - crops.clean).square().mean((1, 2, 3))
        assert (-10 * torch.log10(error + 1e-10) > 20).all(), "elsewhere, or mirrored apart, they would differ"
        assert error.any()


def test_crops_lie_on_the_networks_grid() -> None:
    random = np.random.default_rng(4)
    places = np.array([place(256, random) for _ in range(300)])
    assert (places % 8 == 0).all()
    assert places.min() == 0
    assert places.max() == 256 - CROP


def test_restoration_learns_from_crops(dataset: Dataset) -> None:
    model, crops = stirred(), CodedPictures(dataset, seed=1, device=CPU).batch(2)
    optimiser = torch.optim.Adam(model.restoration.parameters(), 1e-3)
    losses = []
    for _ in range(8):
        loss = restoration_loss(model.restoration, crops, None)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


def test_a_recording_is_what_the_receiver_sees(recordings: Path) -> None:
    with np.load(next(recordings.iterdir())) as archive:
        content = {name: archive[name] for name in archive.files}
    count = len(content["driving"])
    assert count > 0
    assert content["driving"].shape == (count, 256, 256, 3)
    assert content["flow"].shape == (count, 64, 64, 2)
    assert content["occlusion"].shape == (count, 64, 64)
    assert content["reference"].max() == len(content["references"]) - 1 == len(content["crf"]) - 1
    assert content["flow"].any(), "a frame that moves is among them"


def test_recordings_are_mirrored_whole(recordings: Path) -> None:
    model = FaceModel()
    held = Recordings(recordings, model.restoration, seed=1, device=CPU)
    batch = held.batch(24)
    warped = model.generator.warped(
        batch.reference, features=model.appearance(batch.reference), flow=batch.flow, occlusion=batch.occlusion
    )[0]
    assert float((warped - batch.driving).square().mean()) <= float((batch.reference - batch.driving).square().mean())
    for top, left in (held.place() for _ in range(50)):
        assert top % 8 == left % 8 == 0
        assert min(top, left) >= 0
        assert max(top, left) <= 256 - CROP


def test_a_crop_is_generated_as_the_whole_picture_is(recordings: Path) -> None:
    """Nearly, where the convolutions hardly see beyond the crop."""
    model = stirred()
    batch = Recordings(recordings, model.restoration, seed=1, device=CPU).batch(1)
    features = model.appearance(batch.reference)
    parts = model.generator.warped(batch.reference, features=features, flow=batch.flow, occlusion=batch.occlusion)
    top, left, rim = 64, 40, 56
    cuts = []
    for part in parts:
        factor = 256 // part.shape[-1]
        cuts.append(part[..., top // factor : (top + CROP) // factor, left // factor : (left + CROP) // factor])
    whole, part = (model.generator.generate(*some).detach() for some in (parts, cuts))
    part = part[..., rim:-rim, rim:-rim]
    top, left, side = top + rim, left + rim, CROP - 2 * rim
    here, beside = (whole[..., top : top + side, x : x + side] for x in (left, left + 2))
    assert float((part - here).abs().mean()) < 0.05 * float((part - beside).abs().mean())
    loss = generator_loss(model, batch, None, at=(64, 40))
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in model.generator.parameters())
    assert all(parameter.grad is not None for parameter in model.appearance.parameters())
    assert all(parameter.grad is not None for parameter in model.flow_refinement.parameters())


def test_the_generator_waits_for_a_machine_with_an_encoder(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_spec(name: str) -> Any:
        return None if name == "av" else util.find_spec(name)

    monkeypatch.setattr(steps, "find_spec", find_spec)
    flags = ["--stages", "generator", "--skip-finish", "--start", "none", "--per-clip", "2", "--references", "1"]
    assert main([str(clips), "--out", str(tmp_path), "--minutes", "0.01", "--batch", "2", *flags]) == 0
    assert "skipped" in capsys.readouterr().out
