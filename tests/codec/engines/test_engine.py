"""Engines: the exported graphs are those of the networks, and say what torch says, on real frames."""

import subprocess
import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from safetensors.numpy import load_file

from codec import CodecConfig, CodedFrame, Decoder, Encoder
from codec.engines.engine import Engine
from codec.engines.openvino_engine import OpenVinoEngine
from codec.engines.runtime import Runtime
from codec.engines.torch_engine import TorchEngine
from codec.errors import ConfigError, WeightsError
from codec.export import distinct, write, write_decoder, write_index
from codec.graphs import files as graphs
from codec.input.video import read_video
from codec.motion.flow import remap, remap_planes
from codec.networks import FaceModel
from codec.units import SIZES, Array
from codec.weights import files as weights

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "benchmarks" / "clips" / "data" / "sample.mp4"
# The most that an output of a graph may be off, by precision; pictures count in levels of 255.
LIMITS = {"f32": 2e-4, "bf16": 0.06}
POINTS = ("landmarks", "mouth_points", "eye_points")
POINTS_LIMIT = 0.01  # in bf16: two thirds of a pixel of the crops


@pytest.fixture(scope="module")
def frames() -> list[npt.NDArray[np.uint8]]:
    return [image for image, _ in islice(read_video(SAMPLE), 0, 40, 3)]


def fitted(image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def test_the_shipped_graphs_are_those_of_the_networks(tmp_path: Path) -> None:
    model = distinct(FaceModel())
    write(tmp_path, model, holding_weights=False)
    write_index(tmp_path, model)
    names = {path.name for path in graphs.FOLDER.iterdir() if path.suffix in (".onnx", ".json")}
    assert names == {path.name for path in tmp_path.iterdir()}
    for name in names:
        same = (tmp_path / name).read_bytes() == (graphs.FOLDER / name).read_bytes()
        assert same, f"{name} is not what codec/networks says now: run python -m codec.export"


def test_a_graph_that_is_begun_says_the_same_beside_the_caller_and_in_its_thread() -> None:
    held = weights.load(CodecConfig().weights)
    shown = np.random.default_rng(0).integers(0, 256, (1, 64, 80, 15), dtype=np.uint8)
    beside, alone = (
        OpenVinoEngine(held, threads=threads, precision="f32").load("mouth", size=256) for threads in (2, 1)
    )
    outputs = [graph.begin(shown) for graph in (beside, alone)]
    first, second = (np.array(begun()[0]) for begun in outputs)
    assert (first == second).all()
    assert np.abs(first).max() > 0.1


def test_what_a_decoder_alone_takes(tmp_path: Path) -> None:
    held = weights.load(CodecConfig().weights)
    layers, size = write_decoder(tmp_path, held)
    documented = (ROOT / "docs/architecture.md").read_text().split("in these layers:\n\n")[1].split(".\n")[0]
    assert sorted(layers) == documented.replace("\n", " ").split(", ")
    kept = load_file(tmp_path / "decoder.safetensors")
    assert size == (tmp_path / "decoder.safetensors").stat().st_size < 11.5e6
    for path in tmp_path.glob("*.onnx"):
        taken = {entry.name for entry in onnx.load(path).graph.input} & held.tensors.keys()
        assert taken <= kept.keys()
    assert len(kept) < len(held.tensors), "the motion extractor is the sender's"


@pytest.mark.parametrize("path", sorted(graphs.FOLDER.glob("*.onnx")), ids=lambda path: path.stem)
def test_any_runtime_can_read_them(path: Path) -> None:
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [graphs.OPSET]
    assert {node.domain for node in model.graph.node} == {""}, "no operator of anyone's own"
    shapes = {info.name: len(info.type.tensor_type.shape.dim) for info in model.graph.value_info}
    for node in model.graph.node:
        if node.op_type == "GridSample":
            assert shapes.get(node.input[0], 4) == 4


def pieces(engine: Engine, first: Array, later: Array, *, size: int) -> list[tuple[str, tuple[Array, ...]]]:
    """Inputs for every graph, as they follow from two pictures (size, size, 3)."""

    def run(name: str, *inputs: Array) -> tuple[Array, ...]:
        found.append((name, inputs))
        return tuple(output.copy() for output in engine.load(name, size=size)(*inputs))

    found: list[tuple[str, tuple[Array, ...]]] = []
    canonical, motion = run("extractor", fitted(first, 128)[None])
    _, driving = run("extractor", fitted(later, 128)[None])
    run("keypoints", driving, canonical)
    (restored,) = run("restoration", first[None], np.array([53], np.float32))
    pixels, small, points, heat = run("scene", restored, canonical, motion)
    features = run("appearance", pixels)
    (guidance,) = run("guidance", pixels)
    seen, shifts, affine, prior = run("candidates", small, heat, points, motion, canonical, driving)
    logits, occlusion = run("judgement", seen)
    (flow,) = run("mix", shifts, affine, prior, logits)
    both = np.concatenate((flow, occlusion), 1)[0].transpose(1, 2, 0)
    moved = remap(np.ascontiguousarray(guidance[0].transpose(1, 2, 0)), np.ascontiguousarray(both[..., :2]))
    (told,) = run("refinement", moved[None], both[None])
    run("choice", told, both[None])
    moved = remap_planes(pixels, np.ascontiguousarray(cv2.resize(both, (size, size))[..., :2]))
    levels = [np.ascontiguousarray(level[0].transpose(1, 2, 0)) for level in features]
    sides = [cv2.resize(both, level.shape[:2]) for level in levels]
    warped = [remap(level, side[..., :2]) for level, side in zip(levels, sides, strict=True)]
    run("generator", moved, *(part[None] for part in (*warped, *sides)))
    return found + windows(first, later)


def windows(first: Array, later: Array) -> list[tuple[str, tuple[Array, ...]]]:
    """Inputs for the graphs that see crops of a face and windows in it, about where faces are in the sample."""
    face, other = fitted(first, 128), fitted(later, 128)
    mouth, eye = (slice(70, 102), slice(44, 84)), (slice(44, 60), slice(40, 64))

    def shown(part: tuple[slice, slice], size: tuple[int, int], count: int) -> Array:
        """Three candidates and six outlines, (count, height, width, 15)."""
        pictures = [cv2.resize(picture[part], size) for picture in (face, other, face)]
        outlines = [np.full((*size[::-1], 2), 255 * (size[0] > 60), np.uint8) for _ in range(3)]
        return np.stack([np.concatenate((*pictures, *outlines), -1)] * count)

    return [
        ("landmarks", (face[None],)),
        ("mouth_points", (cv2.resize(face[mouth], (80, 64))[None],)),
        ("eye_points", (cv2.resize(face[eye], (48, 32))[None],)),
        ("mouth", (shown(mouth, (80, 64), 1),)),
        ("eyes", (shown(eye, (48, 32), 2),)),
    ]


@pytest.mark.parametrize("precision", ["f32", "bf16"])
@pytest.mark.parametrize("size", SIZES)
def test_each_graph_says_what_torch_says(size: int, precision: str, frames: list[npt.NDArray[np.uint8]]) -> None:
    held = weights.load(CodecConfig().weights)
    torch_engine = TorchEngine(held, threads=1, precision="f32")
    engine = OpenVinoEngine(held, threads=1, precision="bf16" if precision == "bf16" else "f32")
    inputs = pieces(torch_engine, fitted(frames[0], size), fitted(frames[-1], size), size=size)
    assert {name for name, _ in inputs} == set(graphs.NAMES)
    for name, arrays in inputs:
        expected = torch_engine.load(name, size=size)(*arrays)
        found = engine.load(name, size=size)(*arrays)
        limit = LIMITS[precision if name in graphs.REDUCED else "f32"]
        if name in POINTS:
            limit = min(limit, POINTS_LIMIT)
        for a, b in zip(expected, found, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype), name
            if a.dtype == np.uint8:
                assert int(cv2.absdiff(a, b).max()) <= (1 if precision == "f32" else 3), name
            else:
                assert float(np.abs(a - b).max()) <= limit * max(1.0, float(np.abs(a).max())), name


@pytest.fixture(scope="module")
def coded(frames: list[npt.NDArray[np.uint8]]) -> list[bytes]:
    encoder = Encoder(CodecConfig(engine="torch", precision="f32"))
    return [bytes(encoder.encode(fitted(frame, 256), pts=number * 3600)) for number, frame in enumerate(frames)]


@pytest.mark.parametrize(("precision", "limit_db"), [("f32", 0.01), ("bf16", 0.03), ("int8", 0.1)])
def test_pictures_are_as_good_whatever_the_engine(
    precision: str, limit_db: float, frames: list[npt.NDArray[np.uint8]], coded: list[bytes]
) -> None:
    def psnr_db(config: CodecConfig) -> float:
        decoder = Decoder(config)
        shown = [decoder.decode(CodedFrame.parse(data)) for data in coded]
        return float(np.mean([cv2.PSNR(a, fitted(b, 256)) for a, b in zip(shown, frames, strict=True)]))

    theirs = psnr_db(CodecConfig(engine="torch", precision="f32"))
    assert abs(psnr_db(CodecConfig(engine="openvino").with_(precision=precision)) - theirs) < limit_db


@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
def test_the_encoder_knows_what_is_shown(precision: str, frames: list[npt.NDArray[np.uint8]]) -> None:
    config = CodecConfig(engine="openvino").with_(precision=precision)
    encoder, decoder = Encoder(config), Decoder(config)
    for number, frame in enumerate(frames):
        data = bytes(encoder.encode(fitted(frame, 256), pts=number * 3600))
        np.testing.assert_array_equal(decoder.decode(CodedFrame.parse(data)), encoder.reconstruction)


def test_a_call_starts_without_torch() -> None:
    code = """
import sys, numpy
from codec import CodecConfig, CodedFrame, Decoder, Encoder
config = CodecConfig(engine="openvino")
coded = Encoder(config).encode(numpy.zeros((256, 256, 3), numpy.uint8), pts=0)
Decoder(config).decode(CodedFrame.parse(bytes(coded)))
loaded = {"torch", "onnx", "matplotlib"} & set(sys.modules)
sys.exit(f"{loaded} was loaded" if loaded else 0)
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "codec.engines.openvino_engine", None)
    with pytest.raises(ConfigError, match="pip install openvino"):
        Runtime(CodecConfig(engine="openvino"))
    assert Runtime(CodecConfig(engine="auto")).extract(np.zeros((256, 256, 3), np.uint8))[0].shape == (28, 3)
    monkeypatch.setitem(sys.modules, "codec.engines.torch_engine", None)
    with pytest.raises(ConfigError, match="no engine"):
        Runtime(CodecConfig(engine="auto"))


def test_a_graph_that_is_missing_or_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = weights.load(CodecConfig().weights)
    monkeypatch.setattr(graphs, "FOLDER", tmp_path)
    for data in (None, b"", b"no graph"):
        if data is not None:
            (tmp_path / "extractor.onnx").write_bytes(data)
        with pytest.raises(WeightsError, match=r"extractor\.onnx.*codec\.export"):
            OpenVinoEngine(held, threads=1, precision="f32").load("extractor", size=256)


def test_pictures_that_may_not_be_written_to() -> None:
    picture = np.zeros((256, 256, 3), np.uint8)
    picture.setflags(write=False)
    runtime = Runtime(CodecConfig(engine="openvino"))
    canonical, motion = runtime.extract(picture)
    prepared = runtime.prepare(picture, crf=50, canonical=canonical, motion=motion)
    assert prepared.picture.shape == (256, 256, 3)


def test_int8_is_not_for_torch() -> None:
    with pytest.raises(ConfigError, match="openvino"):
        Runtime(CodecConfig(engine="torch", precision="int8"))
