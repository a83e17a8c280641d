"""Training: labels become the codec's numbers, clips are found and kept apart, a whole run on clips drawn here."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from codec import weights
from codec.config import CodecConfig
from codec.encoder import Encoder
from codec.errors import ConfigError, MediaError, WeightsError
from codec.motion import EXPRESSIONS, FREE_POINTS, KEYPOINTS, MESH_POINTS, keypoints, rotation_matrix
from codec.networks import FaceModel
from codec.training import train, validate
from codec.training.__main__ import main
from codec.training.dataset import find_clips, load, split
from codec.training.extractor import LabelledFrames, extractor_loss
from codec.training.labels import LABEL_ORDER, ClipLabels, fit_motion, read_labels
from codec.training.losses import SqueezeDistance, picture_loss
from codec.training.options import TrainingOptions
from codec.video import VideoWriter

Floats = npt.NDArray[np.float32]

FRAMES = 12
SIDE = 128
MINUTES = 0.04


@pytest.fixture(scope="module", autouse=True)
def random_numbers_of_others() -> Iterator[None]:
    with torch.random.fork_rng():
        yield


def face() -> Floats:
    """The 112 label points of a face: the mesh points spread over a bowl, cheeks at -1 and 1."""
    random = np.random.default_rng(11)
    points = random.uniform(-0.8, 0.8, (len(LABEL_ORDER), 3)).astype(np.float32)
    points[:, 2] = 0.5 * (points[:, 0] ** 2 + points[:, 1] ** 2) - 0.3
    points[LABEL_ORDER.index(234)] = (-1, 0, 0.4)
    points[LABEL_ORDER.index(454)] = (1, 0, 0.4)
    return points


def poses(count: int, seed: int) -> Floats:
    """yaw, pitch, roll, log scale, tx, ty (T, 6), moving slowly about a face in the middle."""
    random, time = np.random.default_rng(seed), np.arange(count)[:, None] / 8
    swing = np.sin(time + random.uniform(0, 6, 6)) * random.uniform(0.5, 1, 6)
    return (swing * (0.3, 0.2, 0.2, 0.1, 0.1, 0.1) + (0, 0, 0, np.log(0.4), 0, 0)).astype(np.float32)


def placed(pose: Floats, points: Floats) -> Floats:
    """Points (P, 3), or (T, P, 3) with expressions, at poses (T, 6) -> (T, P, 3)."""
    turned = points @ rotation_matrix(torch.from_numpy(pose[:, :3])).numpy()
    shift = np.concatenate((pose[:, 4:6], np.zeros((len(pose), 1), np.float32)), 1)
    return np.exp(pose[:, 3])[:, None, None] * turned + shift[:, None]


def landmarks(points: Floats) -> npt.NDArray[np.int16]:
    """Keypoints in [-1, 1] (T, 112, 3) -> what labels.npz stores."""
    pixels = points * 128
    pixels[..., :2] += 128
    sixteenths = np.round(pixels * 16).astype(np.int32)
    return np.diff(sixteenths, axis=0, prepend=np.zeros_like(sixteenths[:1])).astype(np.int16)


def picture(pose: Floats) -> npt.NDArray[np.uint8]:
    """A round textured head before a wall, where the pose has it."""
    y, x = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE * 2 - 1
    scale = np.exp(pose[3])
    u, v = (x - pose[4]) / scale - np.sin(pose[0]), (y - pose[5]) / scale - np.sin(pose[1])
    head = np.stack((150 + 60 * np.sin(9 * u), 120 + 60 * np.cos(7 * v), 100 + 50 * np.sin(8 * u * v)), -1)
    wall = np.stack((80 + 40 * x, 90 + 30 * y, 100 + 0 * x), -1)
    return np.where((u**2 + v**2 < 1.2)[..., None], head, wall).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of three people with labels."""
    folder, archive = tmp_path_factory.mktemp("clips"), {}
    for number, name in enumerate(("ada", "bea", "cyd")):
        pose = poses(FRAMES, number)
        archive[f"{name}.landmarks"] = landmarks(placed(pose, face()))
        archive[f"{name}.presence"] = np.where(np.arange(FRAMES) == 3, 0, 9).astype(np.float32)
        with VideoWriter(folder / f"{name}.mp4") as writer:
            for index, row in enumerate(pose):
                writer.write(picture(row), pts=3600 * index)
    np.savez(folder / "labels.npz", **archive)
    return folder


# --- labels -----------------------------------------------------------------------------------------------------------


def label_points(points: Floats) -> Floats:
    return points[..., [LABEL_ORDER.index(point) for point in MESH_POINTS], :]


def clip_labels(pose: Floats, points: Floats) -> ClipLabels:
    return ClipLabels(label_points(placed(pose, points)), np.ones(len(pose), bool))


def test_labels_are_read_as_they_were_drawn(clips: Path) -> None:
    labels = read_labels(clips / "labels.npz")
    assert sorted(labels) == ["ada", "bea", "cyd"]
    np.testing.assert_allclose(
        labels["bea"].points, label_points(placed(poses(FRAMES, 1), face())), atol=1 / 16 / 128, rtol=0
    )
    assert labels["bea"].present.tolist() == [index != 3 for index in range(FRAMES)]
    assert read_labels(clips / "absent.npz") == {}


def test_pose_is_recovered_in_a_known_frame() -> None:
    shape = np.concatenate((label_points(face()), np.zeros((FREE_POINTS, 3), np.float32)))
    basis = np.zeros((EXPRESSIONS, KEYPOINTS, 3), np.float32)
    pose = [poses(30, seed) for seed in (1, 2)]
    found = fit_motion([clip_labels(p, face()) for p in pose], like=(shape, basis))
    for motion, canonical, true in zip(found.motions, found.canonicals, pose, strict=True):
        np.testing.assert_allclose(motion[:, :6], true, atol=1e-3)
        np.testing.assert_allclose(canonical[:-FREE_POINTS], shape[:-FREE_POINTS], atol=1e-3)
        assert not motion[:, 6:].any()


def test_pose_is_recovered_up_to_the_frame_it_is_told_in() -> None:
    pose = poses(40, 3)
    found = fit_motion([clip_labels(pose, face())]).motions[0]
    turns = [rotation_matrix(torch.from_numpy(angles)).numpy() for angles in (found[:, :3], pose[:, :3])]
    since_first = [turn[:1].transpose(0, 2, 1) @ turn for turn in turns]
    np.testing.assert_allclose(since_first[0], since_first[1], atol=2e-3)
    np.testing.assert_allclose(np.diff(found[:, 3]), np.diff(pose[:, 3]), atol=1e-3)


def test_keypoints_of_the_labels_are_the_landmarks() -> None:
    """Two faces with two expressions: canonical points, pose and expression code explain every point."""
    random = np.random.default_rng(4)
    mouth, brows = random.normal(size=(2, len(LABEL_ORDER), 3)).astype(np.float32) * 0.05
    drawn = []
    for seed in (5, 6):
        codes = np.sin(np.arange(60) * (seed - 3.5))[:, None, None], np.cos(np.arange(60) * 0.7)[:, None, None]
        drawn.append(clip_labels(poses(60, seed), (face() * (1 + 0.02 * seed) + codes[0] * mouth + codes[1] * brows)))
    found = fit_motion(drawn)
    for motion, canonical, labels in zip(found.motions, found.canonicals, drawn, strict=True):
        points = keypoints(
            torch.from_numpy(motion),
            canonical=torch.from_numpy(canonical)[None].expand(60, -1, -1),
            basis=torch.from_numpy(found.basis),
        ).numpy()[:, :-FREE_POINTS]
        assert np.abs(points - labels.points)[..., :2].mean() * 128 < 0.7, "pixels of 256"
    assert np.abs(found.motions[0][:, 6:-6]).std(0).max() < 5, "expression codes are of unit size"


# --- clips ------------------------------------------------------------------------------------------------------------


def test_clips_are_found_with_what_is_known_of_them(clips: Path, tmp_path: Path) -> None:
    files = find_clips([clips])
    assert [file.path.stem for file in files] == ["ada", "bea", "cyd"]
    assert all(file.labels is not None for file in files)
    assert [file.person for file in files] == [f"{clips.name}/{name}" for name in ("ada", "bea", "cyd")]
    with pytest.raises(MediaError, match="no clips"):
        find_clips([tmp_path])
    with pytest.raises(MediaError, match="not a folder"):
        find_clips([tmp_path / "absent"])


def test_people_are_kept_together(clips: Path, tmp_path: Path) -> None:
    rows = [{"file": f"{name}.mp4", "person": person} for name, person in zip("abcd", "1212", strict=True)]
    (tmp_path / "index.json").write_text(json.dumps([*rows, {"file": "e.mp4"}]))
    for name in "abcde":
        (tmp_path / f"{name}.mp4").write_bytes((clips / "ada.mp4").read_bytes())
    files = find_clips([tmp_path])
    training, held = split(files, every=2)
    assert {file.person for file in training}.isdisjoint({file.person for file in held})
    assert sorted(file.path.stem for file in [*training, *held]) == list("abcde")
    assert [file.path.stem for file in held] == ["b", "d"]
    training, held = split(files)
    assert len({file.person for file in held}) == 1, "there is always somebody to validate on"


def test_frames_are_spread_evenly(clips: Path) -> None:
    dataset = load(find_clips([clips])[:2], size=64, per_clip=5)
    assert dataset.frames == 10
    assert dataset.labelled_clips == (0, 1)
    assert dataset.labels is not None
    clip = dataset.clips[0]
    assert clip.frames.shape == (5, 64, 64, 3)
    assert clip.indices.tolist() == [0, 2, 5, 8, 11]
    assert clip.labelled.all()
    assert not load(find_clips([clips])[:1], size=64, per_clip=99).clips[0].labelled[3], "no face there"


def test_unreadable_clips_are_left_out(clips: Path, tmp_path: Path) -> None:
    for name in ("bad", "good"):
        (tmp_path / f"{name}.mp4").write_bytes(b"no clip" if name == "bad" else (clips / "ada.mp4").read_bytes())
    dataset = load(find_clips([tmp_path]), size=64, per_clip=4)
    assert [clip.file.path.stem for clip in dataset.clips] == ["good"]
    assert dataset.labels is None
    (tmp_path / "good.mp4").unlink()
    with pytest.raises(MediaError, match="decoded"):
        load(find_clips([tmp_path]), size=64, per_clip=4)


@pytest.mark.parametrize("content", [b"no archive", b"PK\x03\x04 nearly", b""])
def test_labels_that_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.npz").write_bytes(content)
    with pytest.raises(MediaError, match="labels"):
        find_clips([tmp_path])


@pytest.mark.parametrize("missing", ["presence", "points"])
def test_labels_in_another_form(tmp_path: Path, missing: str) -> None:
    archive = {"ada.landmarks": np.zeros((4, 5, 3), np.int16)}
    if missing == "points":
        archive["ada.presence"] = np.ones(4, np.int16)
    np.savez(tmp_path / "labels.npz", **archive)
    with pytest.raises(MediaError, match="labels"):
        read_labels(tmp_path / "labels.npz")


@pytest.mark.parametrize("content", ["{", "[1]", '[{"person": 1}]', "3"])
def test_an_index_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(MediaError, match="index"):
        find_clips([tmp_path])


# --- losses -----------------------------------------------------------------------------------------------------------


def test_augmented_labels_still_fit_each_other(clips: Path) -> None:
    """Canonical points moved by the augmented motion are the augmented points."""
    dataset = load(find_clips([clips]), size=256, per_clip=6)
    assert dataset.labels is not None
    batch = LabelledFrames(dataset, seed=1, device=torch.device("cpu")).batch(3)
    assert batch.pictures.shape == (6, 3, 128, 128)
    assert 0 <= float(batch.pictures.min()) <= float(batch.pictures.max()) <= 1
    basis = torch.from_numpy(dataset.labels.basis)
    points = keypoints(batch.motion, canonical=batch.canonical, basis=basis)[:, :-FREE_POINTS]
    assert float((points - batch.points)[..., :2].abs().mean()) * 128 < 0.7
    loss, pixels = extractor_loss(FaceModel().motion_extractor, batch)
    assert torch.isfinite(loss)
    assert pixels > 0


def test_equal_pictures_have_no_loss() -> None:
    image = torch.rand(2, 3, 64, 64)
    assert float(picture_loss(image, image)) == 0
    assert float(picture_loss(image, image.flip(3))) > 0


# --- a run ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of seconds."""
    out = tmp_path_factory.mktemp("run")
    with small():
        assert main([str(clips), *arguments(out)]) == 0
    return out


@contextmanager
def small() -> Iterator[None]:
    """Counts and scores on less than a real run does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validate, "_PAIRS", 8)
        patch.setattr(train, "_COUNTED_CLIPS", 1)
        yield


def arguments(out: Path) -> list[str]:
    flags = {"out": out, "minutes": MINUTES, "batch": 2, "per-clip": 6, "threads": 1, "start": "none"}
    return [text for name, value in flags.items() for text in (f"--{name}", str(value))]


def log_of(folder: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads((folder / "log.json").read_text())
    return rows


def test_a_run_writes_weights_that_code(run: Path, clips: Path) -> None:
    loaded = weights.load(str(run / "model.safetensors"))
    assert loaded.tables.residual_step == pytest.approx(weights.default_coding_tables().residual_step)
    assert loaded.model.motion_extractor.basis.any(), "the labels' expression basis"
    encoder = Encoder(CodecConfig(weights=str(run / "model.safetensors"), threads=1))
    frames = load(find_clips([clips])[:1], size=256, per_clip=3).clips[0].frames
    coded = [encoder.encode(frame, pts=3600 * index) for index, frame in enumerate(frames)]
    assert coded[0].reference is not None
    assert coded[0].reference.weights_id == loaded.identifier
    assert encoder.report.psnr_db > 15


def test_a_run_writes_card_log_and_curves(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {
        "model.safetensors",
        "model.md",
        "log.json",
        "curves.png",
        "grid.png",
        "checkpoint.pt",
    }
    card = (run / "model.md").read_text()
    assert "2 clips of 2 people, 12 frames" in card
    assert "Held out: 1 clips of 1 other people" in card
    for stage in ("extractor", "dense", "joint"):
        assert f"- {stage}: 0.0 minutes, " in card
        assert f"- {stage}: 0.0 minutes, 0 samples" not in card
    assert "kbps: " in card
    log = log_of(run)
    assert [row["stage"] for row in log] == ["extractor", "dense", "joint", "end"]
    assert all(isinstance(row["generated_psnr_db"], float) for row in log)
    assert (run / "curves.png").stat().st_size > 1000


def test_a_run_goes_on_from_its_checkpoint(run: Path, clips: Path, tmp_path: Path) -> None:
    checkpoint = run / "checkpoint.pt"
    before = torch.load(checkpoint, weights_only=True)
    with small():
        flags = ["--resume", str(checkpoint), "--stages", "extractor"]
        assert main([str(clips), *arguments(tmp_path / "more"), *flags]) == 0
    after = torch.load(tmp_path / "more" / "checkpoint.pt", weights_only=True)
    assert [row["stage"] for row in log_of(tmp_path / "more")] == ["extractor", "dense", "joint", "extractor", "end"]
    assert after["samples"]["extractor"] > before["samples"]["extractor"]
    assert after["samples"]["joint"] == before["samples"]["joint"]
    assert after["spent_s"]["extractor"] > before["spent_s"]["extractor"]
    assert any((after["model"][key] != value).any() for key, value in before["model"].items())
    untouched = [key for key in before["model"] if key.startswith("generator.")]
    assert all(torch.equal(after["model"][key], before["model"][key]) for key in untouched)


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    assert main([str(word) for word in words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_what_is_not_there_is_said_in_one_line(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ("--out", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.pt").write_bytes(b"no checkpoint")
    torch.save({"model": {}}, tmp_path / "other.pt")
    assert "absent" in refused(capsys, tmp_path / "absent", *out)
    assert "no clips" in refused(capsys, tmp_path / "empty", *out)
    assert "absent" in refused(capsys, clips, *out, "--heldout", tmp_path / "absent")
    for name in ("absent.pt", "broken.pt", "other.pt"):
        assert name in refused(capsys, clips, *out, "--resume", tmp_path / name, "--per-clip", "2")
    assert "no weights named" in refused(capsys, clips, *out, "--start", "absent")
    assert "perceptual" in refused(capsys, clips, *out, "--perceptual", tmp_path / "absent", "--per-clip", "2")
    assert "positive" in refused(capsys, clips, *out, "--minutes", "0")
    assert "stages" in refused(capsys, clips, *out, "--stages", "dense,absent")
    assert "device" in refused(capsys, clips, *out, "--device", "absent")
    assert "cannot write" in refused(capsys, clips, "--out", clips / "ada.mp4")


def test_options_check_themselves() -> None:
    good = TrainingOptions(folders=(Path("clips"),))
    for change in ({"minutes": -1.0}, {"per_clip": 1}, {"batch": 1}, {"rate": 0.0}, {"stages": ()}):
        with pytest.raises(ConfigError):
            replace(good, **change)  # type: ignore[arg-type]


def test_a_perceptual_network_comes_from_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="perceptual"):
        SqueezeDistance(tmp_path)
