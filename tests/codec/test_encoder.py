"""Encoder: pictures of any size, the reports, and everything it can be told; a decoder agrees bit for bit."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from codec.bits.bitstream import CodedFrame
from codec.bits.payload_window import window_rates
from codec.bits.symbols import SymbolCoder
from codec.config import CodecConfig
from codec.decisions.budget import Budget
from codec.errors import ConfigError, PictureError
from codec.pictures.psnr import psnr_db
from codec.state.chain import ALL_WINDOWS, EYES_BIT, MOUTH_BIT, read_frame
from codec.weights.files import load

Picture = npt.NDArray[np.uint8]

Make = Callable[..., Any]

DURATION = 3600


def test_it_looks_like_the_original(stream: list[Any], pictures: list[Picture]) -> None:
    for coded, picture in zip(stream, pictures, strict=True):
        assert coded.report.psnr_db == pytest.approx(psnr_db(coded.shown, picture))
        assert coded.report.psnr_db > 20


def test_reports_add_up(stream: list[Any]) -> None:
    for coded in stream:
        report = coded.report
        parts = (report.reference_bits, report.base_bits, report.residual_bits, report.header_bits)
        assert report.payload_bits == sum(parts)
        reference, _ = coded.frame.split()
        assert abs(report.payload_bits - 8 * len(coded.data)) < 32, "what a bundle saves, about"
        assert report.payload_bits >= (8 * len(bytes(reference)) if reference else 0)
        assert min(parts) >= 0
        assert report.is_keyframe == coded.frame.is_keyframe
        assert (report.reference_bits > 0) == (coded.frame.reference is not None)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((256, 255, 3), np.uint8),
        np.zeros((256, 256), np.uint8),
        np.zeros((256, 256, 4), np.uint8),
        np.zeros((256, 256, 3), np.float32),
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((1, 256, 256, 3), np.uint8),
    ],
)
def test_other_pictures_are_refused_and_forgotten(
    picture: Any, pictures: list[Picture], decoder: Any, make_encoder: Make
) -> None:
    encoder = make_encoder(references="single")
    with pytest.raises(PictureError):
        encoder.encode(picture, pts=0)
    first = encoder.encode(pictures[0], pts=0)
    with pytest.raises(PictureError):
        encoder.encode(picture, pts=DURATION)
    second = encoder.encode(pictures[1], pts=DURATION)
    assert (first.number, second.number) == (0, 1)
    decoder.decode(first)
    np.testing.assert_array_equal(decoder.decode(second), encoder.reconstruction)


@pytest.mark.parametrize("side", [16, 99, 255, 301])
def test_odd_sizes_are_brought_to_the_codecs(side: int, pictures: list[Picture], make_encoder: Make) -> None:
    encoder = make_encoder(references="single")
    encoder.encode(np.asarray(cv2.resize(pictures[0], (side, side)), np.uint8), pts=0)
    assert encoder.reconstruction.shape == (256, 256, 3)


def test_pictures_in_any_memory_layout(pictures: list[Picture], decoder: Any, make_encoder: Make) -> None:
    encoder = make_encoder(references="single")
    for index, picture in enumerate(pictures[:3]):
        coded = encoder.encode(np.asfortranarray(picture)[::-1][::-1], pts=index * DURATION)
        np.testing.assert_array_equal(decoder.decode(coded), encoder.reconstruction)
    assert encoder.report.psnr_db > 20


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_pictures(level: int, decoder: Any, make_encoder: Make) -> None:
    encoder = make_encoder(references="single")
    for index in range(3):
        coded = encoder.encode(np.full((256, 256, 3), level, np.uint8), pts=index * DURATION)
        np.testing.assert_array_equal(decoder.decode(coded), encoder.reconstruction)


def test_512(originals: list[Picture], make_encoder: Make, make_decoder: Make) -> None:
    encoder, decoder = make_encoder(size=512), make_decoder(size=512)
    for index, picture in enumerate(originals[:3]):
        coded = CodedFrame.parse(bytes(encoder.encode(picture, pts=index * DURATION)))
        shown = decoder.decode(coded)
        assert shown.shape == (512, 512, 3)
        np.testing.assert_array_equal(shown, encoder.reconstruction)
    assert encoder.report.psnr_db > 20


def test_an_acknowledged_reference_is_used_and_no_other(
    pictures: list[Picture], decoder: Any, leave_at: Callable[..., None], make_encoder: Make
) -> None:
    leave_at(2, 4, 8)
    encoder = make_encoder(activation="acknowledged")
    coded = encoder.record(pictures[:7])
    assert [c.frame.reference is not None for c in coded] == [True, False, False, True, False, False, False]
    old, new = coded[0].reference.id, coded[3].reference.id
    assert old != new
    assert {c.motion.reference_id for c in coded} == {old}
    encoder.acknowledge(new + 1)
    encoder.acknowledge(old)
    coded += encoder.record(pictures[7:8], first=7)
    assert coded[-1].motion.reference_id == old
    encoder.acknowledge(new)
    encoder.acknowledge(new)
    coded += encoder.record(pictures[8:10], first=8)
    assert [c.motion.reference_id for c in coded[8:]] == [new, new]
    assert not coded[8].motion.chained
    assert coded[9].frame.reference is not None, "only one reference at a time waits for its receipt"
    decoder.follow(coded)


def test_a_keyframe_needs_no_receipt(
    pictures: list[Picture], decoder: Any, leave_at: Callable[..., None], make_encoder: Make
) -> None:
    leave_at(0)
    encoder = make_encoder(activation="acknowledged")
    coded = encoder.record(pictures[:2])
    waiting = coded[1].reference.id
    encoder.force_keyframe()
    coded += encoder.record(pictures[2:3], first=2)
    encoder.acknowledge(waiting)
    coded += encoder.record(pictures[3:5], first=3)
    assert coded[2].frame.is_keyframe
    assert {c.motion.reference_id for c in coded[2:]} == {coded[2].reference.id}
    decoder.follow(coded)


def test_many_references_wrap_their_names(
    pictures: list[Picture], decoder: Any, leave_at: Callable[..., None], make_encoder: Make
) -> None:
    leave_at(*range(100))
    coded = make_encoder().record(pictures[:10])
    assert [c.reference.id for c in coded] == [*range(8), 0, 1]
    decoder.follow(coded)
    assert decoder.references == (6, 7, 0, 1)


def test_single_frames_are_never_chained(pictures: list[Picture], decoder: Any, make_encoder: Make) -> None:
    coded = make_encoder(references="single", bundle=1).record(pictures[:5])
    assert not any(c.motion.chained for c in coded)
    decoder.follow([coded[0], coded[2], coded[4]])


def test_a_started_bundle_is_not_chained(pictures: list[Picture], decoder: Any, make_encoder: Make) -> None:
    encoder = make_encoder(references="single", bundle=8)
    coded = encoder.record(pictures[:3])
    encoder.start_bundle()
    coded += encoder.record(pictures[3:5], first=3)
    assert [c.motion.chained for c in coded] == [False, True, True, False, True]
    decoder.follow([coded[0], coded[3], coded[4]])


def test_a_single_reference(pictures: list[Picture], leave_at: Callable[..., None], make_encoder: Make) -> None:
    leave_at(*range(100))
    coded = make_encoder(references="single").record(pictures[:5])
    assert [c.frame.reference is not None for c in coded] == [True, False, False, False, False]


def test_without_residual_only_the_base_layer_is_coded(
    pictures: list[Picture], decoder: Any, make_encoder: Make
) -> None:
    coded = make_encoder(references="single", residual=False).record(pictures[:6])
    coder = SymbolCoder.of(load(CodecConfig().weights).tables)
    windows: int | None = ALL_WINDOWS
    for c in coded:
        before = windows if c.motion.chained else ALL_WINDOWS
        read = read_frame(coder, c.motion.symbols, qp=32, windows=before)
        assert not read.residual.any()
        windows = read.windows
        assert c.report.residual_bits <= 16, "what is left is the end of the last byte"
    decoder.follow(coded)


def test_a_higher_qp_spends_less(pictures: list[Picture], make_encoder: Make) -> None:
    spent = []
    for qp in (16, 32, 48):
        coded = make_encoder(references="single", qp=qp, measure_every=1 << 20).record(pictures[:5])
        spent.append((len(coded[0].data), sum(len(c.data) for c in coded[1:])))
    assert spent[0][0] > spent[1][0] > spent[2][0]
    assert spent[0][1] > spent[2][1]


def test_qp_holds_from_the_next_bundle_on(pictures: list[Picture], decoder: Any, make_encoder: Make) -> None:
    encoder = make_encoder(references="single")
    coded = encoder.record(pictures[:2])
    encoder.set_qp(50)
    coded += encoder.record(pictures[2:6], first=2)
    assert [c.motion.qp for c in coded] == [None, None, None, None, 50, None], "the reference's, then another"
    decoder.follow(coded)
    with pytest.raises(ConfigError):
        encoder.set_qp(64)
    encoder.force_keyframe()
    last = encoder.record(pictures[6:7], first=6)[0]
    assert last.reference.opening.qp == 50
    assert len(last.data) < len(coded[0].data)
    decoder.follow([last])


def test_equal_pictures_cost_next_to_nothing(pictures: list[Picture], decoder: Any, make_encoder: Make) -> None:
    encoder = make_encoder(references="single")
    keyframe = encoder.record(pictures[:1])
    again = encoder.record([keyframe[0].shown] * 4, first=1)
    assert sum(len(c.data) for c in again) <= 40
    assert all(c.report.psnr_db > 28 for c in again)
    decoder.follow(keyframe + again)


@pytest.mark.parametrize("gaps", [[1000] * 5, [3003] * 5, [100, 7000, 3600, 40000, 1]])
def test_times_arrive(pictures: list[Picture], decoder: Any, gaps: list[int], make_encoder: Make) -> None:
    encoder, pts = make_encoder(references="single"), 1 << 20
    decoder.decode(encoder.encode(pictures[0], pts=pts))
    for gap, picture in zip(gaps, pictures[1:], strict=False):
        pts += gap
        state = decoder.read(CodedFrame.parse(bytes(encoder.encode(picture, pts=pts))))
        assert abs(state.pts - pts) <= 150
        assert encoder.report.pts == pts


def test_a_clock_that_stands_still_is_moved_on(pictures: list[Picture], make_encoder: Make) -> None:
    encoder = make_encoder(references="single")
    seen = []
    for pts in (-5, 100, 100, 50, 3600):
        encoder.encode(pictures[0], pts=pts)
        seen.append(encoder.report.pts)
    assert seen == [0, 100, 101, 102, 3600]


def test_measuring_less_often(pictures: list[Picture], make_encoder: Make, stages: Any) -> None:
    encoder = make_encoder(references="single", measure_every=4, stage=stages)
    for index, picture in enumerate(pictures[:6]):
        encoder.encode(picture, pts=index * DURATION)
    assert stages.entered.count("generate") == 1, "the fifth has been seen while its windows were chosen"
    assert set(stages.entered) == {"motion", "flow", "windows", "reference", "entropy", "generate"}
    assert encoder.reconstruction.shape == (256, 256, 3)
    assert stages.entered.count("generate") == 2
    assert encoder.reconstruction is encoder.reconstruction


def test_a_budget_is_kept_on_a_real_clip(pictures: list[Picture], make_encoder: Make) -> None:
    """Eight pictures a second, to and fro: what a slow machine makes of the clip."""
    encoder, kbps, step = make_encoder(kbps=4.0, measure_every=1 << 20), 4.0, 3 * DURATION
    clip = (pictures + pictures[-2:0:-1]) * 2
    spent, qps = [], []
    for index, picture in enumerate(clip):
        encoder.encode(picture, pts=index * step)
        spent.append((index * step, encoder.report.payload_bits))
        qps.append(encoder.report.qp)
    rates = window_rates(spent, end=len(clip) * step)
    assert rates.least is not None
    assert rates.most is not None
    assert rates.most <= 1.1 * kbps
    assert rates.least >= 0.85 * kbps or min(qps) < 8, "an easy clip may leave some of it"
    assert max(qps) > min(qps)


def test_frames_without_room_stay_as_they_are(
    pictures: list[Picture], decoder: Any, monkeypatch: pytest.MonkeyPatch, make_encoder: Make
) -> None:
    encoder = make_encoder(references="single", kbps=8.0, bundle=8)
    coded = encoder.record(pictures[:4])
    monkeypatch.setattr(Budget, "room_bytes", lambda self: 0)
    coded += encoder.record(pictures[4:7], first=4)
    assert [c.motion.symbols for c in coded[4:]] == [b""] * 3
    np.testing.assert_array_equal(coded[6].shown, coded[3].shown)
    decoder.follow(coded)


def test_a_keyframe_is_coarser_where_the_budget_is_small(pictures: list[Picture], make_encoder: Make) -> None:
    sizes = [len(make_encoder(kbps=kbps).record(pictures[:1])[0].data) for kbps in (1.0, 4.0, 40.0)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_effort_codes_references_otherwise_for_the_same_decoder(
    pictures: list[Picture], decoder: Any, make_encoder: Make
) -> None:
    coded = {effort: make_encoder(effort=effort).record(pictures[:2]) for effort in ("realtime", "best")}
    decoder.follow(coded["best"])
    assert coded["best"][0].frame.reference.picture != coded["realtime"][0].frame.reference.picture


def test_a_call_may_begin_with_a_better_picture(pictures: list[Picture], decoder: Any, make_encoder: Make) -> None:
    """A first picture that is blurred is not what the keyframe shows, though the first frame moves it back there."""
    blurred = [np.asarray(cv2.GaussianBlur(picture, (0, 0), 6), np.uint8) for picture in pictures[:3]]
    encoder = make_encoder(references="single")
    encoder.begin_with([*blurred, pictures[3]])
    coded = encoder.record([*blurred, *pictures[3:6]])
    assert coded[0].frame.is_keyframe
    assert [c.frame.is_keyframe for c in coded[1:]] == [False] * 5
    keyframe, _ = coded[0].frame.split()
    assert keyframe is not None
    shown = decoder.decode(keyframe)
    assert psnr_db(shown, pictures[3]) > psnr_db(shown, blurred[0])
    decoder.follow(coded)


def test_windows_are_drawn_in_what_the_encoder_knows_of(stream: list[Any], pictures: list[Picture]) -> None:
    """Mouth and eyes of the sample are, in most frames that are moved by the face."""
    coder, windows, drawn = SymbolCoder.of(load(CodecConfig().weights).tables), ALL_WINDOWS, []
    for coded in stream:
        before = windows if coded.motion.chained else ALL_WINDOWS
        read = read_frame(coder, coded.motion.symbols, qp=32, windows=before)
        assert read.windows is not None
        windows = read.windows
        drawn.append(bool(windows & (MOUTH_BIT | EYES_BIT)))
    assert sum(drawn) > len(drawn) / 2


@pytest.mark.parametrize("asked", [1, 5])
def test_any_decoder_follows_whoever_looks_at_the_reconstruction(
    asked: int, pictures: list[Picture], decoder: Any, make_encoder: Make
) -> None:
    """What the encoder was asked for changes what it finds out about windows, and never what both ends hold."""
    encoder = make_encoder(measure_every=1 << 20)
    for index, picture in enumerate(pictures[:10]):
        coded = CodedFrame.parse(bytes(encoder.encode(picture, pts=index * DURATION)))
        shown = decoder.decode(coded)
        if index % asked == 0:
            np.testing.assert_array_equal(shown, encoder.reconstruction)
