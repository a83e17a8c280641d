"""Measuring rate: faces in the whole command, with a mesh network that always sees one face."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.__main__ import main
from benchmarks.clips.sample import SAMPLE
from benchmarks.quality import faces
from benchmarks.quality.face_mesh import POINTS, Mesh, Square
from benchmarks.quality.face_scores import SCORES
from codec.units import Image

SQUARE = Square(128.0, 128.0, 200.0)
FACE: NDArray[np.float64] = np.random.default_rng(3).uniform(80, 180, (POINTS, 2))
FACE[[33, 263]] = (100, 110), (160, 110)


class OneFace:
    """Stands for the mesh network: the same face in every picture, lips parted by how bright the picture is."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def look(self, picture: Image, square: Square) -> Mesh:
        points = FACE.copy()
        points[14] = points[13] + (0, picture.mean() / 10)
        return Mesh(square, points, 9.0)

    def find(self, picture: Image, *, before: Mesh | None = None) -> Mesh:
        return self.look(picture, SQUARE)


Run = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(faces, "FaceMesh", OneFace)
    mesh = tmp_path / "mesh.tflite"
    mesh.write_bytes(b"a mesh")

    def start(*flags: str) -> Path:
        chosen = ["--qps", "44", "--no-residual", "--references", "single", "--anchors", "svtav1"]
        less = ["--prototype-steps", "", "--threads", "1", "--landmarks", str(mesh)]
        assert main(["rate", str(SAMPLE), *chosen, *less, *flags]) == 0
        return tmp_path

    return start


def test_frames_sheet_and_scores_of_a_run(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    written = ["--json", str(out / "a.json"), "--frames-csv", str(out / "a.csv"), "--face-sheet", str(out / "sheet")]
    run("--seconds", "0.5", *written)
    assert "faces, controls" in capsys.readouterr().out
    report = json.loads((out / "a.json").read_text())
    assert len(report["faces"]) == len(report["rows"])
    assert [set(row["scores"]) for row in report["faces"]] == [set(SCORES)] * len(report["faces"])
    frozen = report["faces"][0]["scores"]["landmark_percent"]
    assert (frozen["value"], frozen["weight"]) == (pytest.approx(0, abs=0.01), 1)
    assert [row["codec"] for row in report["faces_pooled"]] == [row["codec"] for row in report["faces"]]
    with (out / "a.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    frames = int(report["rows"][0]["frames"])
    assert len(lines) == len(report["rows"]) * frames
    assert [line["frame"] for line in lines[:frames]] == [str(index) for index in range(frames)]
    assert lines[0]["mouth_original"] == lines[0]["mouth_decoded"]
    assert lines[0]["mouth_lpips"] == lines[0]["identity"] == ""
    assert {path.name for path in (out / "sheet").iterdir()} == {"sample.mp4", "sample.png"}
    assert main(["table", str(out / "a.json")]) == 0
    assert "sample, face" in capsys.readouterr().out


def test_a_degraded_copy_is_what_codecs_are_given(run: Run, tmp_path: Path) -> None:
    run("--seconds", "0.4", "--degrade", "webcam", "--json", str(tmp_path / "a.json"))
    report = json.loads((tmp_path / "a.json").read_text())
    assert {(row["clip"], row["fps"], row["frames"]) for row in report["rows"]} == {("sample-webcam", 15.0, 6)}
    assert report["settings"]["degrade"] == "webcam"
    assert report["rows"][0]["psnr_db"] > 20  # the freeze row, against the degraded clip


@pytest.mark.parametrize("flag", ["--frames-csv", "--face-sheet"])
def test_what_is_of_faces_needs_the_landmarks(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rate", str(SAMPLE), flag, "out"]) == 2
    assert "need --landmarks" in capsys.readouterr().err
