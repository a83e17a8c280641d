"""Stage 10, meter (offline): results files of the rate benchmark: written, read back, refused."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.clips.sample import SAMPLE
from benchmarks.errors import ResultsError
from benchmarks.rate.operating_points import RateSettings
from benchmarks.rate.report import rate_report, read_run
from benchmarks.rate.results.rows import RateRow
from benchmarks.records.json_file import write_json
from benchmarks.records.provenance import (
    provenance,
)

MeasuredRows = Callable[..., list[RateRow]]


def test_a_run_is_read_back_as_it_was_written(measured_rows: MeasuredRows, tmp_path: Path) -> None:
    settings = RateSettings(anchors=("x264",))
    origin = provenance(["rate", "a b.mp4"], clips=[SAMPLE], weights_name=settings.weights, jobs=2)
    path = tmp_path / "deep" / "run.json"
    write_json(path, rate_report(settings, measured_rows(), [], provenance=origin))
    read = read_run(path)
    assert (read.name, read.size, read.anchors, read.rows) == ("run", 256, ("x264",), tuple(measured_rows()))
    assert read.conditions["clips"] == {"sample": hashlib.sha256(SAMPLE.read_bytes()).hexdigest()}
    assert read.weights.startswith(f"{settings.weights} (")
    assert origin["command"] == "python -m benchmarks rate 'a b.mp4'"
    assert origin["weights"]["sha256"].startswith(read.weights.split("(")[1].rstrip(")"))
    assert origin["jobs"] == 2


def test_a_file_of_the_first_schema_is_read(measured_rows: MeasuredRows, tmp_path: Path) -> None:
    report = rate_report(RateSettings(anchors=()), measured_rows(), [], provenance={})
    del report["provenance"]
    newer = ("first_keyframe_bytes", "motion_bytes_per_frame", "motion_kbps_at_25", "identity")
    report |= {
        "schema": 1,
        "rows": [{k: v for k, v in asdict(row).items() if k not in newer} for row in measured_rows()],
    }
    write_json(tmp_path / "old.json", report)
    read = read_run(tmp_path / "old.json")
    assert read.rows == tuple(measured_rows())
    assert read.weights == RateSettings().weights
    assert read.conditions["clips"] == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"benchmark": "speed", "schema": 2}', '{"benchmark": "rate"}'])
def test_another_file_is_refused(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ResultsError, match="not results of the rate benchmark"):
        read_run(path)
    assert main(["table", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_damaged_row_is_refused(measured_rows: MeasuredRows, tmp_path: Path) -> None:
    report = rate_report(RateSettings(anchors=()), measured_rows(), [], provenance={})
    del report["rows"][0]["psnr_db"]
    (tmp_path / "cut.json").write_text(json.dumps(report))
    with pytest.raises(ResultsError):
        read_run(tmp_path / "cut.json")
