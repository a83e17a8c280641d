"""References: encoder and decoder agree bit for bit, damage is named and the next intra picture recovers."""

import os
import random
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from codec.errors import BitstreamError, ConfigError, PictureError, ReferenceMissing, TruncatedError
from codec.reference import svt
from codec.reference.coder import ReferenceDecoder, ReferenceEncoder
from codec.reference.colour import rgb_to_yuv420, yuv420_to_rgb
from codec.reference.contexts import CODERS, Coder
from codec.reference.schedules import ordinary_threads, thread_schedules

Picture = NDArray[np.uint8]

SIZE = 128
SAMPLE = Path(__file__).parents[3] / "benchmarks" / "clips" / "data" / "sample.mp4"
available = {"av1": {"libsvtav1", "libdav1d"}, "h264": {"libx264", "h264"}}


def pictures(count: int, size: int = SIZE) -> list[Picture]:
    """Pictures of the bundled clip, half a second apart."""
    with av.open(str(SAMPLE)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][:: len(CODERS) * 6]
    return [np.asarray(cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA)) for frame in frames[:count]]


def psnr_db(first: Picture, second: Picture) -> float:
    error = np.mean((first.astype(np.float64) - second) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


@pytest.fixture(scope="module")
def clip() -> list[Picture]:
    return pictures(6)


@pytest.fixture(params=list(CODERS))
def coder(request: pytest.FixtureRequest) -> Coder:
    name: Coder = request.param
    if not available[name] <= av.codecs_available:
        pytest.skip(f"PyAV was built without {name}")
    return name


@pytest.fixture(scope="module")
def chain(clip: list[Picture]) -> list[bytes]:
    encoder = ReferenceEncoder(size=SIZE)
    return [encoder.encode(image, intra=index == 0) for index, image in enumerate(clip[:3])]


def test_a_chain_decodes_to_the_encoders_own_pictures(coder: Coder, clip: list[Picture]) -> None:
    encoder, decoder = ReferenceEncoder(size=SIZE, crf=44, coder=coder), ReferenceDecoder(size=SIZE)
    for index, image in enumerate(clip):
        data = encoder.encode(image, intra=index in (0, 4))
        assert data[0] == 44 << 2 | CODERS[coder]
        shown = decoder.decode(data, intra=index in (0, 4))
        assert np.array_equal(shown, encoder.reconstruction)
        assert psnr_db(shown, image) > 28


def test_inter_pictures_are_smaller_than_intra_ones(coder: Coder, clip: list[Picture]) -> None:
    encoder = ReferenceEncoder(size=SIZE, coder=coder)
    sizes = [len(encoder.encode(image, intra=index == 0)) for index, image in enumerate(clip)]
    assert max(sizes[1:]) < sizes[0] / 2


def test_a_higher_crf_takes_fewer_bytes_from_the_next_intra_on(coder: Coder, clip: list[Picture]) -> None:
    encoder = ReferenceEncoder(size=SIZE, crf=40, coder=coder)
    fine = encoder.encode(clip[0], intra=True)
    encoder.crf = 60
    assert len(encoder.encode(clip[0], intra=True)) < len(fine) / 1.5


def test_within_a_stream_a_picture_is_as_coarse_as_it_is_told_to_be(clip: list[Picture]) -> None:
    if not svt.available():
        pytest.skip("PyAV has another SVT-AV1 than the one whose structures are known")
    sizes = {}
    for crf in (40, 60):
        encoder, decoder = ReferenceEncoder(size=SIZE, crf=50), ReferenceDecoder(size=SIZE)
        decoder.decode(encoder.encode(clip[0], intra=True), intra=True)
        encoder.crf = crf
        data = encoder.encode(clip[3], intra=False)
        assert encoder.coded_crf == crf == data[0] >> 2
        assert np.array_equal(decoder.decode(data, intra=False), encoder.reconstruction)
        assert decoder.crf == crf
        sizes[crf] = len(data)
    assert sizes[60] < sizes[40] / 2


def test_a_stream_that_cannot_change_its_step_says_which_it_has(
    clip: list[Picture], coder: Coder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(svt, "available", lambda: False)
    encoder, decoder = ReferenceEncoder(size=SIZE, crf=40, coder=coder), ReferenceDecoder(size=SIZE)
    decoder.decode(encoder.encode(clip[0], intra=True), intra=True)
    encoder.crf = 60
    data = encoder.encode(clip[1], intra=False)
    assert encoder.coded_crf == 40 == data[0] >> 2
    assert np.array_equal(decoder.decode(data, intra=False), encoder.reconstruction)
    assert encoder.encode(clip[1], intra=True)[0] >> 2 == 60


def test_a_picture_that_is_not_to_be_restored_says_so_and_is_coded_as_ever(clip: list[Picture], coder: Coder) -> None:
    encoder, decoder = ReferenceEncoder(size=SIZE, crf=40, coder=coder), ReferenceDecoder(size=SIZE)
    plain = ReferenceEncoder(size=SIZE, crf=40, coder=coder)
    for index, restored in enumerate((True, False, False, True)):
        plain.restored = restored
        told, coded = plain.encode(clip[index], intra=not index), encoder.encode(clip[index], intra=not index)
        assert (told[0] >> 2, told[0] & 3) == (40 if restored else 0, coded[0] & 3)
        assert len(coded) <= len(told) <= len(coded) + (not restored), "AV1's own index is told in place of ours"
        assert np.array_equal(decoder.decode(told, intra=not index), encoder.reconstruction)
        assert decoder.crf == plain.told_crf == told[0] >> 2
        assert plain.coded_crf == 40


def test_the_intra_offset_moves_the_intra_picture_alone(clip: list[Picture]) -> None:
    plain, better = ReferenceEncoder(size=SIZE, intra_offset=0), ReferenceEncoder(size=SIZE, intra_offset=-60)
    assert len(better.encode(clip[0], intra=True)) > 1.5 * len(plain.encode(clip[0], intra=True))


def test_nothing_is_spent_on_what_the_syntax_says(chain: list[bytes]) -> None:
    if chain[0][0] & 3 != CODERS["av1"]:
        pytest.skip("PyAV was built without SVT-AV1")
    assert chain[0][1] == 0x80 | SIZE // 8  # the sequence header is the usual one, and no delimiter stands before it
    assert all(picture[2 if index == 0 else 1] & 0x80 for index, picture in enumerate(chain))  # so are the pictures'


def test_a_still_picture_costs_next_to_nothing(clip: list[Picture]) -> None:
    encoder = ReferenceEncoder(size=SIZE)
    encoder.encode(clip[0], intra=True)
    assert min(len(encoder.encode(clip[0], intra=False)) for _ in range(3)) < 60


def test_a_decoder_that_joins_late_waits_for_an_intra_picture(chain: list[bytes]) -> None:
    decoder = ReferenceDecoder(size=SIZE)
    with pytest.raises(ReferenceMissing):
        decoder.decode(chain[1], intra=False)
    assert decoder.decode(chain[0], intra=True).shape == (SIZE, SIZE, 3)


def test_an_intra_picture_recovers_from_damage(coder: Coder, clip: list[Picture]) -> None:
    encoder, decoder = ReferenceEncoder(size=SIZE, coder=coder), ReferenceDecoder(size=SIZE)
    first, second = encoder.encode(clip[0], intra=True), encoder.encode(clip[1], intra=False)
    decoder.decode(first, intra=True)
    with pytest.raises(BitstreamError):
        decoder.decode(second[: len(second) // 2], intra=False)
    with pytest.raises(ReferenceMissing):
        decoder.decode(second, intra=False)
    decoder.decode(first, intra=True)
    assert np.array_equal(decoder.decode(second, intra=False), encoder.reconstruction)


def test_an_intra_picture_is_needed_where_one_is_said(chain: list[bytes]) -> None:
    decoder = ReferenceDecoder(size=SIZE)
    with pytest.raises(BitstreamError):
        decoder.decode(chain[1], intra=True)
    decoder.decode(chain[0], intra=True)


def test_another_size_is_refused(coder: Coder) -> None:
    large = ReferenceEncoder(size=256, coder=coder).encode(pictures(1, 256)[0], intra=True)
    with pytest.raises(BitstreamError):
        ReferenceDecoder(size=SIZE).decode(large, intra=True)
    small = ReferenceEncoder(size=64, coder=coder).encode(pictures(1, 64)[0], intra=True)
    with pytest.raises(BitstreamError):
        ReferenceDecoder(size=SIZE).decode(small, intra=True)


@pytest.mark.parametrize("data", [b"", b"\x01"])
def test_next_to_no_data(data: bytes) -> None:
    with pytest.raises(TruncatedError):
        ReferenceDecoder(size=SIZE).decode(data, intra=True)


@pytest.mark.parametrize(
    "data",
    [
        b"\x03\x0a\x0b" + bytes(40),  # an unknown coder
        b"\x05\x7f" + bytes(200),  # a sequence header of impossible length
        b"\x05\x90\x80\x20\x40" + bytes(20),  # a level that does not end
        b"\x05\x90\x80",  # cut within the picture's header
        b"\x05\x0b\x00",  # cut within the sequence header
        b"\x01" + bytes(100),
        b"\x02" + bytes(100),
    ],
)
def test_malformed_intra_pictures(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        ReferenceDecoder(size=SIZE).decode(data, intra=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes_give_a_picture_of_the_right_size_or_a_named_error(
    chain: list[bytes], data: st.DataObject
) -> None:
    decoder = ReferenceDecoder(size=SIZE)
    index = data.draw(st.integers(0, 1))
    damaged = bytearray(chain[index])
    for position in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=6)):
        damaged[position] = data.draw(st.integers(0, 255))
    if index:
        decoder.decode(chain[0], intra=True)
    try:
        assert decoder.decode(bytes(damaged), intra=index == 0).shape == (SIZE, SIZE, 3)
    except BitstreamError:
        decoder.decode(chain[0], intra=True)


def test_noise_is_refused() -> None:
    decoder = ReferenceDecoder(size=SIZE)
    noise = random.Random(3)
    for code in CODERS.values():
        for length in (2, 20, 400):
            with pytest.raises(BitstreamError):
                decoder.decode(bytes([44 << 2 | code]) + noise.randbytes(length), intra=True)


@pytest.mark.parametrize("shape", [(SIZE, SIZE), (SIZE, SIZE, 4), (SIZE, SIZE // 2, 3)])
def test_other_pictures_are_refused(shape: tuple[int, ...]) -> None:
    encoder = ReferenceEncoder(size=SIZE)
    with pytest.raises(PictureError):
        encoder.encode(np.zeros(shape, np.uint8), intra=True)
    with pytest.raises(PictureError):
        encoder.encode(np.zeros((SIZE, SIZE, 3), np.float32), intra=True)  # type: ignore[arg-type]


def test_the_first_picture_is_intra() -> None:
    with pytest.raises(ReferenceMissing):
        ReferenceEncoder(size=SIZE).encode(np.zeros((SIZE, SIZE, 3), np.uint8), intra=False)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": 100}, {"crf": 0}, {"crf": 64}, {"intra_offset": 64}])
def test_settings_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        ReferenceEncoder(**{"size": SIZE, **wrong})


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="no schedulers to ask for")
def test_no_thread_is_left_real_time(clip: list[Picture]) -> None:
    before = set(thread_schedules().values())
    encoder = ReferenceEncoder(size=SIZE)
    for intra in (True, False, True):
        encoder.encode(clip[0], intra=intra)
        assert set(thread_schedules().values()) <= before | {os.SCHED_OTHER}


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="no schedulers to ask for")
def test_threads_are_what_they_were_also_where_an_encoder_does_not_open() -> None:
    def fail_to_open() -> None:
        with ordinary_threads():
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
            raise ConfigError("it does not open")

    before = os.sched_getscheduler(0)
    with pytest.raises(ConfigError):
        fail_to_open()
    assert os.sched_getscheduler(0) == before


def test_colour_survives_the_way_there_and_back(clip: list[Picture]) -> None:
    for image in (clip[0], pictures(1, 256)[0]):
        assert psnr_db(yuv420_to_rgb(rgb_to_yuv420(image)), image) > 44


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 150, 120)])
def test_flat_colours_are_kept(colour: tuple[int, int, int]) -> None:
    image = np.full((16, 16, 3), colour, np.uint8)
    assert np.abs(yuv420_to_rgb(rgb_to_yuv420(image)).astype(int) - image).max() <= 2


def test_grey_has_no_chroma() -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    planes = rgb_to_yuv420(grey)
    assert np.array_equal(planes[:16], grey[..., 0])
    assert (planes[16:] == 128).all()
