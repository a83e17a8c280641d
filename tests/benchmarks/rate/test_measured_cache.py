"""Stage 10, meter (offline): what is kept of anchors comes back as it was, and only where nothing has changed."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.clips.clip import Clip
from benchmarks.quality.face_frames import FaceFrames
from benchmarks.quality.metric_networks import NetFiles
from benchmarks.rate import measured_cache
from benchmarks.rate.anchors.coded_clip import freeze
from benchmarks.rate.measured_cache import MeasuredCache, open_cache
from benchmarks.rate.operating_points import OperatingPoint
from benchmarks.rate.results.measured import Measured
from benchmarks.rate.results.rows import RateRow


@pytest.fixture
def clip() -> Clip:
    return Clip("a", 25.0, np.arange(5 * 8 * 8 * 3, dtype=np.uint8).reshape(5, 8, 8, 3))


@pytest.fixture
def one(clip: Clip, row: RateRow) -> Measured:
    rng = np.random.default_rng(1)
    tracks = {field.name: rng.random(5) for field in fields(FaceFrames)}
    tracks["identity"][2] = np.nan
    return Measured(replace(row, codec="x264", setting="crf 40"), clip.pictures[3].copy(), FaceFrames(**tracks))


def a_point(made_by: Mapping[str, Any] | None = None, *, setting: str = "crf 40") -> OperatingPoint:
    made_by = {"options": {"crf": "40"}} if made_by is None else made_by
    return OperatingPoint("x264", setting, lambda clip: freeze(clip.pictures), made_by)


def same(one: Measured, other: Measured) -> bool:
    if one.frames is None or other.frames is None:
        return one.frames is other.frames and one.row == other.row
    tracks = [
        np.array_equal(getattr(one.frames, field.name), getattr(other.frames, field.name), equal_nan=True)
        for field in fields(FaceFrames)
    ]
    return all(tracks) and one.row == other.row and bool((one.still == other.still).all())


def test_an_entry_comes_back_as_it_was_under_the_clips_own_name(clip: Clip, one: Measured, tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "deep" / "kept", NetFiles())
    entries = cache.of_clip(clip, every=3, still=3)
    assert entries.read(a_point()) is None
    entries.write(a_point(), one)
    read = entries.read(a_point())
    assert read is not None
    assert same(read, one)
    renamed = cache.of_clip(replace(clip, name="b"), every=3, still=3).read(a_point())
    assert renamed is not None
    assert renamed.row == replace(one.row, clip="b")
    assert [path.suffix for path in cache.folder.iterdir()] == [".npz"]


def test_without_faces_none_come_back(clip: Clip, one: Measured, tmp_path: Path) -> None:
    entries = MeasuredCache(tmp_path, {}).of_clip(clip, every=3, still=3)
    entries.write(a_point(), replace(one, frames=None))
    read = entries.read(a_point())
    assert read is not None
    assert read.frames is None


def test_whatever_the_figures_follow_from_makes_another_entry(
    clip: Clip, one: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = MeasuredCache(tmp_path, {"net": "01"})
    cache.of_clip(clip, every=3, still=3).write(a_point(), one)
    changed = clip.pictures.copy()
    changed[4, 7, 7, 2] ^= 1
    others = [
        cache.of_clip(replace(clip, pictures=changed), every=3, still=3),
        cache.of_clip(replace(clip, fps=30.0), every=3, still=3),
        cache.of_clip(clip, every=2, still=3),
        cache.of_clip(clip, every=3, still=2),
        MeasuredCache(tmp_path, {"net": "02"}).of_clip(clip, every=3, still=3),
        MeasuredCache(tmp_path, {}).of_clip(clip, every=3, still=3),
    ]
    assert [entries.read(a_point()) for entries in others] == [None] * len(others)
    entries = cache.of_clip(clip, every=3, still=3)
    assert entries.read(a_point({"options": {"crf": "41"}})) is None
    assert entries.read(a_point(setting="crf 41")) is None
    assert entries.read(a_point()) is not None
    monkeypatch.setattr(measured_cache, "VERSION", measured_cache.VERSION + 1)
    assert cache.of_clip(clip, every=3, still=3).read(a_point()) is None
    monkeypatch.undo()
    monkeypatch.setattr(measured_cache, "_FIGURES", ("a metric more",))
    assert cache.of_clip(clip, every=3, still=3).read(a_point()) is None
    monkeypatch.undo()
    monkeypatch.setattr(measured_cache, "_libraries", lambda: {"av": "0"})
    assert cache.of_clip(clip, every=3, still=3).read(a_point()) is None


def test_what_cannot_say_what_it_is_made_by_is_not_kept(clip: Clip, one: Measured, tmp_path: Path) -> None:
    entries = MeasuredCache(tmp_path, {}).of_clip(clip, every=3, still=3)
    networks = OperatingPoint("facewire", "qp 32", lambda clip: freeze(clip.pictures))
    entries.write(networks, one)
    assert entries.read(networks) is None
    assert not list(tmp_path.iterdir())


def test_a_damaged_entry_is_none_and_is_written_again(clip: Clip, one: Measured, tmp_path: Path) -> None:
    entries = MeasuredCache(tmp_path, {}).of_clip(clip, every=3, still=3)
    entries.write(a_point(), one)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2], whole[:-1], whole.replace(b"PK", b"QQ")):
        path.write_bytes(damaged)
        assert entries.read(a_point()) is None
    entries.write(a_point(), one)
    assert entries.read(a_point()) is not None


def test_an_entry_that_holds_something_else_is_none(clip: Clip, one: Measured, tmp_path: Path) -> None:
    cache = MeasuredCache(tmp_path, {})
    entries = cache.of_clip(clip, every=3, still=3)
    entries.write(a_point(setting="crf 44"), one)
    (other,) = tmp_path.iterdir()
    entries.write(a_point(), one)
    (path,) = (path for path in tmp_path.iterdir() if path != other)
    path.write_bytes(other.read_bytes())  # a sound entry under another's name
    assert entries.read(a_point()) is None
    entries.write(a_point(), replace(one, still=np.zeros((4, 4, 3), np.uint8)))
    assert entries.read(a_point()) is None
    assert one.frames is not None
    entries.write(a_point(), replace(one, frames=replace(one.frames, identity=np.zeros(4))))
    assert entries.read(a_point()) is None


def test_a_folder_that_cannot_be_written_costs_the_entry_alone(clip: Clip, one: Measured, tmp_path: Path) -> None:
    entries = MeasuredCache(tmp_path / "gone", {}).of_clip(clip, every=3, still=3)
    entries.write(a_point(), one)
    assert entries.read(a_point()) is None
