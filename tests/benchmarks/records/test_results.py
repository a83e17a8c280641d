"""Stage 10, meter (offline): results files: where they come from, read back, old against new."""

import hashlib
import json
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.clips.sample import SAMPLE
from benchmarks.errors import ResultsError
from benchmarks.quality.metric_networks import NetFiles
from benchmarks.rate.compare import bd_table, new_against_old, pair_table, pairs, warnings
from benchmarks.rate.report import Run, rate_report, read_run, write_json
from benchmarks.rate.rows import FREEZE, OURS, RateRow
from benchmarks.rate.run import RateSettings
from benchmarks.records.provenance import (
    ROOT,
    UNREADABLE,
    coder_versions,
    environment,
    provenance,
    sha256,
    source_state,
)

ROW = RateRow(
    clip="a", codec=OURS, setting="qp 32", frames=50, fps=25.0, kbps=8.0, keyframe_kbps=3.0, reference_kbps=3.0,
    motion_kbps=2.0, wire_kbps=14.0, wire_back_kbps=6.0, psnr_db=28.0, ssim=0.8, ms_ssim=0.9, lpips=0.12,
    encode_ms=60.0, decode_ms=30.0, first_keyframe_bytes=750, motion_bytes_per_frame=10.0, motion_kbps_at_25=2.0,
)  # fmt: skip


def rows(*, saving: float = 1.0) -> list[RateRow]:
    """Two clips at three QPs, with freeze rows; every rate times `saving`."""
    listed = []
    for clip in ("a", "b"):
        listed.append(replace(ROW, clip=clip, codec=FREEZE, setting="", kbps=0.0, psnr_db=20.0))
        for step, qp in enumerate((44, 32, 20)):
            kbps, psnr_db = saving * 4.0 * 2**step, 25.0 + 2 * step
            quality = {"psnr_db": psnr_db, "ms_ssim": 0.8 + 0.05 * step, "lpips": 0.2 - 0.04 * step}
            listed.append(replace(ROW, clip=clip, setting=f"qp {qp}", kbps=kbps, **quality))
    return listed


def run(name: str, listed: list[RateRow], **conditions: Any) -> Run:
    held = {"size": 256, "seconds": 10.0, "every": 3, "clips": {"a": "1", "b": "2"}} | conditions
    return Run(name, 256, (), held, "first (abc)", tuple(listed))


def test_a_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    settings = RateSettings(anchors=("x264",))
    origin = provenance(["rate", "a b.mp4"], clips=[SAMPLE], weights_name=settings.weights, nets=NetFiles(), jobs=2)
    path = tmp_path / "deep" / "run.json"
    write_json(path, rate_report(settings, rows(), [], provenance=origin))
    read = read_run(path)
    assert (read.name, read.size, read.anchors, read.rows) == ("run", 256, ("x264",), tuple(rows()))
    assert read.conditions["clips"] == {"sample": hashlib.sha256(SAMPLE.read_bytes()).hexdigest()}
    assert read.weights.startswith(f"{settings.weights} (")
    assert origin["command"] == "python -m benchmarks rate 'a b.mp4'"
    assert origin["weights"]["sha256"].startswith(read.weights.split("(")[1].rstrip(")"))
    assert origin["jobs"] == 2


def test_a_file_of_the_first_schema_is_read(tmp_path: Path) -> None:
    report = rate_report(RateSettings(anchors=()), rows(), [], provenance={})
    del report["provenance"]
    newer = ("first_keyframe_bytes", "motion_bytes_per_frame", "motion_kbps_at_25", "identity")
    report |= {"schema": 1, "rows": [{k: v for k, v in asdict(row).items() if k not in newer} for row in rows()]}
    write_json(tmp_path / "old.json", report)
    read = read_run(tmp_path / "old.json")
    assert read.rows == tuple(rows())
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


def test_a_damaged_row_is_refused(tmp_path: Path) -> None:
    report = rate_report(RateSettings(anchors=()), rows(), [], provenance={})
    del report["rows"][0]["psnr_db"]
    (tmp_path / "cut.json").write_text(json.dumps(report))
    with pytest.raises(ResultsError):
        read_run(tmp_path / "cut.json")


def test_the_environment_names_versions() -> None:
    named = environment()
    assert named["packages"]["numpy"][0].isdigit()
    assert named["cpu"]
    assert set(coder_versions()) == {"SvtAv1Enc", "vpx", "dav1d", "x264", "x265"}
    assert all(version == UNREADABLE or any(map(str.isdigit, version)) for version in coder_versions().values())


def test_the_hash_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


def test_the_source_is_named_where_it_is_a_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.records.provenance.ROOT", tmp_path)
    assert source_state() is None
    commit = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "one", "--allow-empty"]
    for command in (["git", "init", "-q"], commit):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    state = source_state()
    assert state is not None
    assert len(state["commit"]) == 40
    assert state["modified"] is False
    assert (ROOT / "benchmarks").is_dir()


def test_new_weights_that_save_a_quarter() -> None:
    old, new = run("old", rows()), run("new", rows(saving=0.75))
    found = pairs(old, new)
    assert [(pair.new.clip, pair.new.setting) for pair in found[:3]] == [("a", f"qp {qp}") for qp in (44, 32, 20)]
    assert [pair.new.clip for pair in found[-3:]] == ["mean"] * 3
    deltas = new_against_old(old, new)
    assert [one.clip for one in deltas] == ["a", "b", "mean"]
    for one in deltas:
        assert one.psnr.value == pytest.approx(-25)
        assert one.ms_ssim.value == pytest.approx(-25)
        assert one.lpips is not None
        assert one.lpips.value == pytest.approx(-25)
    assert next(iter(pair_table(found).columns[3].cells)) == "4.00 -> 3.00 (-1.00)"
    assert len(bd_table(deltas).rows) == 3
    assert warnings(old, new) == []


def test_without_lpips_in_both_it_is_not_compared() -> None:
    old = run("old", [replace(row, lpips=None) for row in rows()])
    assert all(one.lpips is None for one in new_against_old(old, run("new", rows())))
    assert next(iter(pair_table(pairs(old, run("new", rows()))).columns[6].cells)) == "-"


def test_only_what_both_have_is_compared() -> None:
    new = run("new", [row for row in rows() if row.clip == "b"])
    assert {pair.new.clip for pair in pairs(run("old", rows()), new)} == {"b", "mean"}
    with pytest.raises(ResultsError, match="no clip in common"):
        pairs(run("old", rows()), run("new", [replace(row, clip="c") for row in rows()]))
    with pytest.raises(ResultsError, match="no setting in common"):
        pairs(run("old", rows()), run("new", [replace(row, setting="other") for row in rows()]))


def test_what_speaks_against_the_comparison_is_said() -> None:
    other = [replace(row, psnr_db=row.psnr_db + 1) if row.codec == FREEZE else row for row in rows()]
    said = warnings(run("old", rows()), run("new", other, seconds=5.0, clips={"a": "1", "b": "3"}))
    assert said == [
        "seconds was 10.0 in old and is 5.0 in new",
        "b is another file in new",
        f"{FREEZE} has another PSNR in new: the clips or the coder are not the same",
    ]
