"""Colours come in as SDR of BT.709 whatever the tags, or the lack of them, say, for each reader and for tracks."""

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from codec.input.colour import Light
from codec.input.converter import Converter
from codec.input.tone import sdr_of, tone_table

SAMPLE = Path(__file__).parents[3] / "benchmarks" / "clips" / "data" / "sample.mp4"
LOSSLESS = {"preset": "ultrafast", "qp": "0"}
TO_BT2020 = np.array(  # linear BT.709 to linear BT.2020: ITU-R BT.2087
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
)


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """The middle of the bundled face, uint8 (256, 256, 3), as dark as a lit room leaves it: mean 84, 76, 69."""
    with av.open(str(SAMPLE)) as container:
        frame = next(container.decode(video=0))
    image = frame.to_ndarray(format="rgb24")[128:384, 128:384].astype(float)
    return np.rint(image * 84 / image[..., 0].mean()).astype(np.uint8)


def pq_of(light: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084: cd/m2 -> 0..1."""
    power = (light / 10_000) ** 0.1593017578125
    return np.asarray(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def hlg_of(light: np.ndarray) -> np.ndarray:
    """ITU-R BT.2100, of a display of 1000 cd/m2: its light in cd/m2 -> 0..1."""
    luminance = (light @ np.array([0.2627, 0.6780, 0.0593]))[..., None] / 1000
    scene = light / 1000 * np.maximum(luminance, 1e-12) ** (1 / 1.2 - 1)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-12)) + 0.55991073
    return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), high))


def in_hdr(image: np.ndarray, curve: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """SDR in a container of HDR, white at 203 cd/m2 (ITU-R BT.2408): uint16 (H, W, 3)."""
    light = 203 * (image / 255.0) ** 2.4 @ TO_BT2020.T
    return np.rint(np.clip(curve(light), 0, 1) * 65535).astype(np.uint16)


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(("curve", "trc"), [(pq_of, ColorTrc.SMPTE2084), (hlg_of, ColorTrc.ARIB_STD_B67)])
def test_a_face_in_hdr_looks_as_in_sdr(
    make: Any, reads: Any, face: np.ndarray, curve: Any, trc: ColorTrc, full: bool
) -> None:
    path = make(
        "a.mkv",
        [in_hdr(face, curve)] * 2,
        codec="libx265",
        options={"x265-params": "lossless=1:log-level=none"},
        source="rgb48le",
        pix_fmt="yuv420p10le",
        matrix=Colorspace.BT2020,
        full=full,
        colorspace=9,
        color_primaries=ColorPrimaries.BT2020,
        color_trc=trc,
        color_range=ColorRange.JPEG if full else ColorRange.MPEG,
    )
    image, _ = reads(path)[0]
    np.testing.assert_allclose(image.mean(axis=(0, 1)), face.mean(axis=(0, 1)), atol=2)
    assert np.abs(image.astype(int) - face).mean() < 4


def test_a_wide_gamut_in_sdr_keeps_its_colours(make: Any, reads: Any, face: np.ndarray) -> None:
    wide = np.rint(((face / 255.0) ** 2.4 @ TO_BT2020.T) ** (1 / 2.4) * 65535).astype(np.uint16)
    path = make(
        "a.mkv",
        [wide] * 2,
        options=LOSSLESS,
        source="rgb48le",
        pix_fmt="yuv420p10le",
        matrix=Colorspace.BT2020,
        colorspace=9,
        color_primaries=ColorPrimaries.BT2020,
        color_trc=ColorTrc.BT2020_10,
    )
    image, _ = reads(path)[0]
    np.testing.assert_allclose(image.mean(axis=(0, 1)), face.mean(axis=(0, 1)), atol=1.5)


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(
    ("size", "tag", "matrix"),
    [
        ((576, 720), 2, Colorspace.ITU601),  # untagged: by its height
        ((720, 720), 2, Colorspace.ITU709),
        ((578, 800), 2, Colorspace.ITU709),
        ((64, 1280), 2, Colorspace.ITU709),
        ((64, 64), 1, Colorspace.ITU709),  # tagged: as the tag says
        ((720, 720), 6, Colorspace.ITU601),
        ((64, 64), 7, Colorspace.SMPTE240M),
    ],
)
def test_the_matrix_is_the_tagged_one_or_that_of_the_size(
    make: Any, reads: Any, size: tuple[int, int], tag: int, matrix: Colorspace, full: bool
) -> None:
    flat = np.full((*size, 3), (200, 60, 40), np.uint8)
    tagged = {"colorspace": tag} if tag != 2 else {}
    kind = ColorRange.JPEG if full else ColorRange.MPEG
    path = make("a.mkv", [flat] * 2, options=LOSSLESS, matrix=matrix, full=full, color_range=kind, **tagged)
    image, _ = reads(path)[0]
    # swscale, which makes the file, is a few levels off in full range; another matrix or range is more than ten.
    np.testing.assert_allclose(image.mean(axis=(0, 1)), (200, 60, 40), atol=4)


@pytest.mark.parametrize("tag", [3, 8, 11, 12, 13, 14, 99])
def test_a_matrix_that_nobody_converts_is_taken_for_the_usual_one(tag: int) -> None:
    flat = np.full((64, 64, 3), (200, 60, 40), np.uint8)
    frame = av.VideoFrame.from_ndarray(flat, format="rgb24").reformat(format="yuv420p")
    frame.colorspace = tag
    np.testing.assert_allclose(Converter().rgb(frame).mean(axis=(0, 1)), (200, 60, 40), atol=2)
    assert frame.colorspace == tag  # it is somebody else's


@pytest.mark.parametrize("light", [Light("pq", "bt2020"), Light("hlg", "bt2020"), Light("pq", "p3")])
def test_the_curve_keeps_greys_grey_what_is_dark_as_it_is_and_what_is_bright_in_order(light: Light) -> None:
    grey = np.linspace(0, 1, 1001)[:, None].repeat(3, axis=1)
    shown = sdr_of(grey, light)
    assert np.ptp(shown, axis=1).max() < 1e-3
    assert (np.diff(shown[:, 0]) >= 0).all()
    assert shown[0, 0] < 0.01
    assert shown[-1, 0] == pytest.approx(1, abs=1e-6)
    curve = pq_of if light.transfer == "pq" else hlg_of
    dark = np.linspace(2, 90, 50)[:, None].repeat(3, axis=1)
    np.testing.assert_allclose(sdr_of(curve(dark), light), (dark / 203) ** (1 / 2.4), atol=2e-3)


def test_the_table_is_the_function_to_half_a_level() -> None:
    """Between its nodes as well, in all but the highest lights."""
    light = Light("pq", "bt2020")
    random = np.random.default_rng(3)
    sdr = random.integers(8, 200, (64, 64, 3)).astype(np.uint8)
    signal = in_hdr(sdr, pq_of)
    frame = av.VideoFrame.from_ndarray(signal, format="rgb48le")
    frame.color_trc, frame.color_primaries = ColorTrc.SMPTE2084, ColorPrimaries.BT2020
    expected = 255 * sdr_of(signal.reshape(-1, 3) / 65535, light).reshape(signal.shape)
    got = Converter().rgb(frame)
    assert np.abs(got - expected).mean() < 0.5
    assert tone_table(light).shape == (512, 512, 3)


def test_threads_are_made_for_the_first_picture_and_no_other() -> None:
    """Of frames that are as usual, anamorphic and in HDR."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        pytest.skip("counts threads in /proc")
    random = np.random.default_rng(4)
    usual = av.VideoFrame.from_ndarray(random.integers(0, 256, (96, 64), dtype=np.uint8), format="yuv420p")
    hdr = av.VideoFrame.from_ndarray(random.integers(0, 65536, (96, 64, 3), dtype=np.uint16), format="rgb48le")
    hdr.color_trc = ColorTrc.SMPTE2084
    cases = [(usual, Fraction(1)), (usual, Fraction(4, 3)), (hdr, Fraction(1))]
    converters = [Converter() for _ in cases]
    before: set[str] = set()
    for number in range(12):
        for converter, (frame, aspect) in zip(converters, cases, strict=True):
            converter.rgb(frame, aspect=aspect)
        threads = {task.name for task in tasks.iterdir()}
        assert number == 0 or threads == before
        before = threads


def test_a_frame_that_another_thread_converts_too() -> None:
    """An application may hand one frame to us and to an encoder; the converter in the frame is for one thread."""
    array = np.random.default_rng(1).integers(0, 256, (96, 64), dtype=np.uint8)
    frames = [av.VideoFrame.from_ndarray(array, format="yuv420p") for _ in range(200)]
    expected = frames[0].to_ndarray(format="rgb24")
    together = threading.Barrier(2)
    converter = Converter()

    def convert_as_well() -> None:
        for frame in frames:
            together.wait()
            frame.to_ndarray(format="rgb24")

    other = threading.Thread(target=convert_as_well, daemon=True)
    other.start()
    for frame in frames:
        together.wait()
        assert (converter.rgb(frame) == expected).all()
    other.join()
