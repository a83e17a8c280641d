"""Stage 10, meter (offline): where a results file's figures come from."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from benchmarks.clips.sample import SAMPLE
from benchmarks.records.provenance import (
    ROOT,
    UNREADABLE,
    coder_versions,
    environment,
    provenance,
    sha256,
    source_state,
)
from codec import CodecConfig


def test_the_environment_names_versions() -> None:
    named = environment()
    assert named["packages"]["numpy"][0].isdigit()
    assert named["cpu"]
    assert set(coder_versions()) == {"SvtAv1Enc", "vpx", "dav1d", "x264", "x265"}
    assert all(version == UNREADABLE or any(map(str.isdigit, version)) for version in coder_versions().values())


def test_the_command_does_not_tell_where_files_lay() -> None:
    command = [
        "rate",
        f"{SAMPLE}",
        "--qps",
        "24,30",
        "--anchor-streams",
        "vvc=/a b/{clip}-*.266",
        "--lpips",
        "/n/l/",
    ]
    told = provenance(command, clips=[SAMPLE], weights_name=CodecConfig().weights)["command"]
    assert told == "python -m benchmarks rate sample.mp4 --qps 24,30 --anchor-streams 'vvc={clip}-*.266' --lpips l"


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


def test_a_change_of_the_code_in_any_room_counts_and_none_of_clips_and_results(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("benchmarks.records.provenance.ROOT", tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, capture_output=True)

    def is_changed_by(name: str) -> bool:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        state = source_state()
        path.unlink()
        assert state is not None
        return bool(state["modified"])

    code = ("benchmarks/__main__.py", "benchmarks/rate/run.py", "benchmarks/a/b/c.py", "codec/x/y.py", "pyproject.toml")
    assert [name for name in code if not is_changed_by(name)] == []
    others = ("benchmarks/results/rate.json", "benchmarks/clips/data/a.mp4", "benchmarks/README.md", "sender/send.py")
    assert [name for name in others if is_changed_by(name)] == []
