"""Weight files: what ships loads and is what the index says; anything else is refused by name."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from codec.bits.entropy import check_tables
from codec.bits.symbols import CodingTables
from codec.config import CodecConfig
from codec.encoder import Encoder
from codec.errors import WeightsError
from codec.networks import FaceModel
from codec.networks.store import model_of, serialize
from codec.weights import files as weights

INDEX = json.loads((weights.FOLDER / "index.json").read_text())


@pytest.fixture(scope="module")
def written() -> bytes:
    """The bytes of an untrained weight file."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return serialize(FaceModel(), weights.default_coding_tables(), metadata={"name": "test"})


@pytest.fixture(scope="module")
def tensors(written: bytes) -> dict[str, Tensor]:
    return dict(load(written))


def with_changes(tensors: dict[str, Tensor], **changes: Tensor | None) -> bytes:
    kept = {**tensors, **{key.replace("__", "."): value for key, value in changes.items()}}
    return bytes(save({key: value for key, value in kept.items() if value is not None}))


@pytest.mark.parametrize("name", INDEX)
def test_what_the_index_names_is_there(name: str) -> None:
    path, sha256 = weights.find(name)
    data = path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == sha256
    assert len(data) <= 20e6
    loaded = weights.load(name)
    assert loaded.identifier == bytes.fromhex(INDEX[name]["sha256"])[: weights.ID_BYTES]
    assert check_tables(loaded.tables.tables)
    assert all(torch.isfinite(parameter).all() for parameter in model_of(loaded).parameters())
    assert weights.load(name) is loaded, "made once a process"


def test_the_default_weights_ship() -> None:
    assert CodecConfig().weights in INDEX


def test_a_keyframe_names_its_weights() -> None:
    coded = Encoder(CodecConfig()).encode(np.zeros((256, 256, 3), np.uint8), pts=0)
    assert coded.reference is not None
    assert coded.reference.opening.weights_id.hex() == INDEX[CodecConfig().weights]["sha256"][:8]


def same_tables(a: CodingTables, b: CodingTables) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in CodingTables.__dataclass_fields__)


def test_a_file_of_ones_own(tmp_path: Path, written: bytes) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(written)
    loaded = weights.load(str(path))
    assert loaded.identifier == hashlib.sha256(written).digest()[:4]
    tables = weights.default_coding_tables()
    assert loaded.tables.canonical_scale == tables.canonical_scale
    np.testing.assert_array_equal(loaded.tables.motion_steps, tables.motion_steps)
    np.testing.assert_array_equal(loaded.tables.face_steps, tables.face_steps)
    np.testing.assert_array_equal(loaded.tables.face_motion, tables.face_motion)
    np.testing.assert_array_equal(loaded.tables.tables, tables.tables)
    again = serialize(model_of(loaded), loaded.tables, metadata={"name": "test"})
    assert same_tables(weights.parse(again, identifier=b"1234").tables, loaded.tables)


def test_a_file_that_has_changed_is_read_again(tmp_path: Path, tensors: dict[str, Tensor]) -> None:
    path = tmp_path / "mine.safetensors"
    identifiers = set()
    for step in (0.01, 0.02):
        path.write_bytes(with_changes(tensors, tables__residual_step=torch.tensor([step])))
        loaded = weights.load(str(path))
        assert loaded.tables.residual_step == pytest.approx(step)
        identifiers.add(loaded.identifier)
    assert len(identifiers) == 2


@pytest.mark.parametrize("name", ["zeroth", "", "first.safetensors", "/nowhere/mine.safetensors", "mine.pt", "a\0b"])
def test_unknown_names_say_what_there_is(name: str) -> None:
    with pytest.raises(WeightsError, match=CodecConfig().weights):
        weights.load(name)


def test_a_folder_is_no_weight_file(tmp_path: Path) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(WeightsError):
        weights.load(str(tmp_path / "folder.safetensors"))


def test_a_damaged_file_of_the_index_is_noticed(
    tmp_path: Path, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(written)
    data[-1] ^= 1
    (tmp_path / "damaged.safetensors").write_bytes(data)
    entry = {"file": "damaged.safetensors", "sha256": hashlib.sha256(written).hexdigest()}
    absent = {"file": "absent.safetensors", "sha256": entry["sha256"]}
    (tmp_path / "index.json").write_text(json.dumps({"damaged": entry, "absent": absent}))
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(WeightsError, match="damaged"):
        weights.load("damaged")
    with pytest.raises(WeightsError, match="absent"):
        weights.load("absent")


def test_the_shipped_file_cut_short(tmp_path: Path) -> None:
    path, _ = weights.find(CodecConfig().weights)
    for cut in (0, 7, 8, 100, path.stat().st_size - 1):
        short = tmp_path / f"cut{cut}.safetensors"
        shutil.copy(path, short)
        with short.open("r+b") as file:
            file.truncate(cut)
        with pytest.raises(WeightsError):
            weights.load(str(short))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("generator__leave__bias", torch.zeros(13)),
        ("generator__leave__bias", None),
        ("generator__another", torch.zeros(3)),
        ("tables__tables", None),
        ("tables__tables", torch.ones(20, 32, dtype=torch.int32)),
        ("tables__tables", torch.full((20, 32), torch.nan)),
        ("tables__tables", torch.zeros(2, dtype=torch.int32)),
        ("tables__class_tables", torch.ones(2, 12, dtype=torch.int32)),
        ("tables__windows_tables", None),
        ("tables__windows_tables", torch.ones(4, 4, dtype=torch.int32)),
        ("tables__windows_tables", torch.zeros(8, 8, dtype=torch.int32)),
        ("tables__motion_profile", torch.zeros(3, dtype=torch.int32)),
        ("tables__face_profile", None),
        ("tables__face_profile", torch.zeros(26, dtype=torch.int32)),
        ("tables__face_profile", torch.full((30,), 99, dtype=torch.int32)),
        ("tables__face_steps", None),
        ("tables__face_steps", torch.zeros(30)),
        ("tables__face_steps", torch.ones(29)),
        ("tables__face_steps", torch.full((30,), torch.inf)),
        ("tables__face_motion", None),
        ("tables__face_motion", torch.zeros(26, 30)),
        ("tables__face_motion", torch.full((30, 26), torch.nan)),
        ("shape__basis", None),
        ("shape__basis", torch.zeros(23, 112, 3)),
        ("shape__mean", torch.full((112, 3), torch.nan)),
        ("face__landmarks__out__bias", torch.zeros(335)),
        ("windows__eye__leave__bias", None),
        ("tables__residual_profile", torch.full((31,), 99, dtype=torch.int32)),
        ("tables__context_shift", torch.full((4,), -(2**31), dtype=torch.int32)),
        ("tables__motion_steps", torch.zeros(26)),
        ("tables__motion_steps", torch.ones(25)),
        ("tables__motion_steps", torch.full((26,), torch.nan)),
        ("tables__motion_steps", torch.full((26,), torch.inf)),
        ("tables__residual_step", torch.tensor([-0.1])),
        ("tables__residual_step", torch.tensor([torch.nan])),
        ("tables__residual_step", torch.zeros(0)),
        ("tables__canonical_step", torch.tensor([torch.inf])),
        ("tables__canonical_scale", torch.zeros(0, dtype=torch.int32)),
        ("tables__canonical_scale", torch.tensor([torch.inf])),
        ("tables__canonical_scale", torch.tensor([torch.nan])),
        ("tables__canonical_scale", torch.tensor([9.0])),
        ("tables__canonical_scale", torch.tensor([2**40])),
        ("tables__motion_profile", torch.full((26,), -(2**63))),  # whose magnitude wraps
        ("tables__motion_steps", torch.full((26,), 1e38)),
        ("tables__motion_steps", torch.full((26,), 1e-30)),
        ("tables__residual_step", torch.tensor([1e38])),
        ("tables__canonical_step", torch.tensor([1e300], dtype=torch.float64)),
        ("tables__face_motion", torch.full((30, 26), 1e38)),
        ("generator__leave__bias", torch.full((12,), 1e300, dtype=torch.float64)),
        ("shape__mean", torch.full((112, 3), -torch.inf)),
    ],
)
def test_tensors_that_do_not_fit(tensors: dict[str, Tensor], key: str, value: Tensor | None) -> None:
    with pytest.raises(WeightsError):
        weights.parse(with_changes(tensors, **{key: value}), identifier=b"1234")


def test_frequencies_whose_sum_wraps_to_the_right_one_do_not_fit(tensors: dict[str, Tensor]) -> None:
    tables = torch.ones_like(tensors["tables.tables"], dtype=torch.int64)
    tables[:, :4] = 2**62
    tables[:, 4] = 2**16 - 27  # in 64 bits, the sum is 2^16
    assert (tables.sum(1) == 2**16).all()
    assert (tables >= 1).all()
    with pytest.raises(WeightsError, match="frequency tables are damaged"):
        weights.parse(with_changes(tensors, tables__tables=tables), identifier=b"1234")


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b'{"a":' * 100_000, b'{"weights_id": [[1]], "ranges": {"a": [[[[]]]]}}']
)
def test_ranges_that_are_nested_are_damaged_or_of_other_weights(tmp_path: Path, written: bytes, text: bytes) -> None:
    (tmp_path / "own.safetensors").write_bytes(written)
    (tmp_path / "own.int8.json").write_bytes(text)
    try:
        assert weights.load(str(tmp_path / "own.safetensors")).ranges == {}
    except WeightsError as error:
        assert "own.int8.json is damaged" in str(error)  # noqa: PT017 -- either is right


@pytest.mark.parametrize("name", ["x" * 5000 + ".safetensors", "\0.safetensors"])
def test_names_that_no_file_can_have(name: str) -> None:
    with pytest.raises(WeightsError, match="no weights named"):
        weights.find(name)


def test_an_id_finds_a_name_and_nothing_but_the_index_is_looked_at() -> None:
    for name, entry in INDEX.items():
        assert weights.named(bytes.fromhex(entry["sha256"])[: weights.ID_BYTES]) == name
    assert weights.named(b"1234") is None


def test_numbers_that_are_none_do_not_fit(tensors: dict[str, Tensor]) -> None:
    broken = torch.full_like(tensors["motion_extractor.motion.bias"], torch.nan)
    with pytest.raises(WeightsError):
        weights.parse(with_changes(tensors, motion_extractor__motion__bias=broken), identifier=b"1234")


@pytest.mark.parametrize("data", [b"", b"safetensors?", bytes(64), b"\xff" * 64])
def test_bytes_that_are_no_weight_file(data: bytes) -> None:
    with pytest.raises(WeightsError):
        weights.parse(data, identifier=b"1234")


def test_flipped_bytes_of_the_header_are_refused_or_harmless(written: bytes) -> None:
    random = np.random.default_rng(6)
    header = 8 + int.from_bytes(written[:8], "little")
    for position in random.integers(0, header, 60):
        data = bytearray(written)
        data[position] ^= int(random.integers(1, 256))
        try:
            weights.parse(bytes(data), identifier=b"1234")
        except WeightsError:
            continue
