"""A whole run of seconds on clips drawn here: what it writes, how it goes on, what it refuses."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from codec.config import CodecConfig
from codec.encoder import Encoder
from codec.errors import ConfigError, WeightsError
from codec.networks import FaceModel
from codec.training import steps, train
from codec.training.__main__ import main
from codec.training.checkpoint import Average
from codec.training.data import coded_references as coded
from codec.training.data.dataset import find_clips, load
from codec.training.options import TrainingOptions
from codec.training.results import finish as outputs
from codec.training.results import validation as validate
from codec.training.stages.losses import SqueezeDistance
from codec.weights import files as weights

pytestmark = pytest.mark.timeout(900)  # a run takes two minutes on a core without AVX-512 that others use, too
MINUTES = 0.04  # of the clock below: some thirty steps


@pytest.fixture(scope="module")
def run(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of seconds."""
    out = tmp_path_factory.mktemp("run")
    with small():
        assert main([str(clips), *arguments(out)]) == 0
    return out


class StepClock:
    """A clock that goes on whenever it is looked at, a few times a step: a run takes as many steps on any machine."""

    def __init__(self) -> None:
        self._now_s = time.monotonic()

    def monotonic(self) -> float:
        self._now_s += 0.02
        return self._now_s


@contextmanager
def small() -> Iterator[None]:
    """Counts and scores on less than a real run does, by a clock of its own."""
    with pytest.MonkeyPatch.context() as patch:
        clock = StepClock()
        patch.setattr(train, "time", clock)
        patch.setattr(steps, "time", clock)
        patch.setattr(validate, "_PAIRS", 2)
        patch.setattr(validate, "_CHUNK", 2)
        for name, value in (("_COUNTED_CLIPS", 1), ("_COUNTED_FRAMES", 4), ("_CODED_FRAMES", 4)):
            patch.setattr(outputs, name, value)
        yield


def arguments(out: Path) -> list[str]:
    flags = {"out": out, "minutes": MINUTES, "batch": 2, "per-clip": 6, "threads": 1, "start": "none", "references": 2}
    return [text for name, value in flags.items() for text in (f"--{name}", str(value))]


def log_of(folder: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads((folder / "log.json").read_text())
    return rows


def test_a_run_writes_weights_that_code(run: Path, clips: Path) -> None:
    loaded = weights.load(str(run / "model.safetensors"))
    assert loaded.tables.residual_step == pytest.approx(weights.default_coding_tables().residual_step)
    assert loaded.tensors["motion_extractor.basis"].any(), "the labels' expression basis"
    encoder = Encoder(CodecConfig(weights=str(run / "model.safetensors"), threads=1))
    frames = load(find_clips([clips])[:1], size=256, per_clip=3).clips[0].frames.numpy()
    coded = [encoder.encode(frame, pts=3600 * index) for index, frame in enumerate(frames)]
    assert coded[0].reference is not None
    assert coded[0].reference.opening.weights_id == loaded.identifier
    assert encoder.report.psnr_db > 15


def test_a_run_writes_card_log_and_curves(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {
        "model.safetensors",
        "model.md",
        "log.json",
        "curves.png",
        "grid.png",
        "checkpoint.pt",
        "best.safetensors",
    }
    card = (run / "model.md").read_text()
    assert re.search(r"2 clips of 2 people, \d+ frames .*; 2 clips with face-mesh labels", card)
    assert "Held out: 1 clips of 1 other people" in card
    for stage in ("extractor", "dense", "restoration", "generator", "joint"):
        assert f"- {stage}: 0.0 minutes, " in card
        assert f"- {stage}: 0.0 minutes, 0 samples" not in card
    assert "kbps: " in card
    log = log_of(run)
    assert [row["stage"] for row in log] == ["extractor", "dense", "restoration", "generator", "joint", "end"]
    assert all(isinstance(row["generated_psnr_db"], float) for row in log)
    assert (run / "curves.png").stat().st_size > 1000
    assert weights.load(str(run / "best.safetensors"))


def test_a_run_goes_on_from_its_checkpoint(run: Path, clips: Path, tmp_path: Path) -> None:
    checkpoint = run / "checkpoint.pt"
    before = torch.load(checkpoint, weights_only=True)
    with small():
        flags = ["--resume", str(checkpoint), "--stages", "extractor", "--skip-finish"]
        assert main([str(clips), *arguments(tmp_path / "more"), *flags]) == 0
    after = torch.load(tmp_path / "more" / "checkpoint.pt", weights_only=True)
    stages = [row["stage"] for row in log_of(tmp_path / "more")]
    assert stages == ["extractor", "dense", "restoration", "generator", "joint", "extractor"]
    assert after["samples"]["extractor"] > before["samples"]["extractor"]
    assert after["samples"]["joint"] == before["samples"]["joint"]
    assert after["spent_s"]["extractor"] > before["spent_s"]["extractor"]
    assert any((after["model"][key] != value).any() for key, value in before["model"].items())
    untouched = [key for key in before["model"] if key.startswith("generator.")]
    assert all(torch.equal(after["model"][key], before["model"][key]) for key in untouched)


def test_a_run_ends_by_its_limit_and_is_finished_later(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No seconds are left after loading: a light checkpoint comes all the same; the next leg has its minutes."""
    assert (
        main(["prepare", str(clips), "--shards", str(tmp_path / "shards"), "--references", "2", "--workers", "1"]) == 0
    )
    monkeypatch.setattr(coded, "code_clip", None)
    legs = [str(clips), *arguments(tmp_path / "out"), "--shards", str(tmp_path / "shards")]
    legs += ["--resume", "auto", "--light-checkpoints", "--stages", "joint"]
    with small():
        monkeypatch.setattr(train, "_ENDING_S", -1e3)
        monkeypatch.setattr(train, "_MARGIN_S", 999.5)
        assert main([*legs, "--limit-s", "1", "--minutes", "5"]) == 0
        assert "the limit of 1 s" in capsys.readouterr().out
        saved = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)
        assert set(saved) == {"spent_s", "samples", "log", "average"}
        assert {value.dtype for value in saved["average"].values()} == {torch.float16}
        assert main([*legs, "--skip-finish"]) == 0
        assert "waits for `finish`" in capsys.readouterr().out
        more = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=True)
        assert more["spent_s"]["joint"] > saved["spent_s"].get("joint", 0)
        assert not (tmp_path / "out" / "model.safetensors").exists()
        assert main(["finish", *legs]) == 0
    assert weights.load(str(tmp_path / "out" / "model.safetensors"))


def test_averaged_weights_follow() -> None:
    model = FaceModel()
    average = Average(model, decay=0.9)
    for parameter in model.parameters():
        parameter.data += 1
    first = {key: value.clone() for key, value in average.model.state_dict().items()}
    average.update(model, steps=1)
    average.update(model, steps=50)
    learnt = dict(model.named_parameters())
    for key, value in model.state_dict().items():
        assert float((average.model.state_dict()[key] - value).abs().max()) < 0.1
        if key in learnt:  # the others stayed
            assert float((average.model.state_dict()[key] - first[key]).abs().max()) > 0.5


def test_the_optimiser_is_remembered(run: Path) -> None:
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    assert saved["optimiser"]["stage"] == "joint"
    assert saved["optimiser"]["state"]["state"]


@pytest.mark.parametrize("works", [True, False])
def test_compiling_is_tried_and_does_no_harm(
    works: bool, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_(module: torch.nn.Module) -> None:
        if not works:
            raise RuntimeError("no compiler here")

    monkeypatch.setattr(torch.nn.Module, "compile", compile_)
    with small():
        flags = ["--compile", "--skip-finish", "--stages", "extractor", "--minutes", "0.005"]
        assert main([str(clips), *arguments(tmp_path / "out"), *flags]) == 0
    assert ("no compiler here" in capsys.readouterr().out) != works


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "prepare DIR" in text
    assert "--limit-s" in text


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
        assert name in refused(capsys, clips, *out, "--resume", tmp_path / name, "--per-clip", "2", "--references", "1")
    assert "no weights named" in refused(capsys, clips, *out, "--start", "absent")
    assert "perceptual" in refused(
        capsys, clips, *out, "--perceptual", tmp_path / "absent", "--per-clip", "2", "--references", "1"
    )
    assert "positive" in refused(capsys, clips, *out, "--minutes", "0")
    assert "stages" in refused(capsys, clips, *out, "--stages", "dense,absent")
    assert "device" in refused(capsys, clips, *out, "--device", "absent")
    assert "cannot write" in refused(capsys, clips, "--out", clips / "ada.mp4")
    assert "prepare" in refused(capsys, clips, *out, "--shards", tmp_path / "absent")
    assert "--shards" in refused(capsys, "prepare", clips)
    assert "cannot resume" in refused(capsys, "finish", clips, "--out", tmp_path / "none", "--references", "1")


def test_options_check_themselves() -> None:
    good = TrainingOptions(folders=(Path("clips"),))
    for change in ({"minutes": -1.0}, {"per_clip": 1}, {"batch": 1}, {"rate": 0.0}, {"stages": ()}, {"average": 1.0}):
        with pytest.raises(ConfigError):
            replace(good, **change)  # type: ignore[arg-type]


def test_a_perceptual_network_comes_from_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="perceptual"):
        SqueezeDistance(tmp_path)
