"""Clips are found, kept apart by person, held in memory; coded references come from shards as they went in."""

import json
from pathlib import Path

import cv2
import pytest
import torch

from codec.errors import MediaError
from codec.training.data.coded_references import CodingOptions, code_references, prepare, read_references
from codec.training.data.dataset import Reference, find_clips, load, split

CODING = CodingOptions(size=64, per_clip=3, per_stills=5, seed=1)


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


@pytest.mark.parametrize("content", ["{", "[1]", '[{"person": 1}]', "3"])
def test_an_index_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(MediaError, match="index"):
        find_clips([tmp_path])


def test_two_folders_of_one_name(clips: Path, tmp_path: Path) -> None:
    (tmp_path / clips.name).mkdir()
    with pytest.raises(MediaError, match="two folders"):
        find_clips([clips, tmp_path / clips.name])


# --- coded references -------------------------------------------------------------------------------------------------


def test_shards_hold_what_the_reference_coder_made(clips: Path, tmp_path: Path) -> None:
    files = [*find_clips([clips])[:1], *find_clips([clips], still=True)[1:2]]
    assert prepare(files, tmp_path, CODING, workers=1) == [tmp_path / f"{clips.name}.npz"]
    assert prepare(files, tmp_path, CODING, workers=1) == [], "they are there"
    coded, read = code_references(files, CODING), read_references(files, tmp_path)
    for file, count in zip(files, (3, 5), strict=True):
        assert list(read[file.key]) == list(coded[file.key])
        assert len(read[file.key]) == count
        for frame, picture in read[file.key].items():
            assert cv2.PSNR(picture.picture.numpy(), coded[file.key][frame].picture.numpy()) > 30
            assert picture.crf == coded[file.key][frame].crf
    with pytest.raises(MediaError, match="other clips"):
        read_references(find_clips([clips])[2:], tmp_path)
    (tmp_path / f"{clips.name}.npz").write_bytes(b"PK no shard")
    with pytest.raises(MediaError, match="prepare"):
        read_references(files, tmp_path)


def test_frames_with_a_reference_are_held(clips: Path) -> None:
    files = find_clips([clips])[:1]
    picture = Reference(torch.full((64, 64, 3), 7, dtype=torch.uint8), 50)
    clip = load(files, size=64, per_clip=2, references={files[0].key: {4: picture, 99: picture}}).clips[0]
    assert clip.indices.tolist() == [0, 4, 11]
    assert list(clip.references) == [1], "by position among those held"
    assert torch.equal(clip.references[1].picture, picture.picture)
    assert len(load(files, size=64, per_clip=0).clips[0].frames) == 12
