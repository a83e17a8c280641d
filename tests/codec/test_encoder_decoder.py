"""The codec end to end on the bundled clip: a closed loop bit for bit, and every loss and damage with its name."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from codec.bitstream import CodedFrame, CodedMotion, CodedReference
from codec.config import CodecConfig
from codec.decoder import Decoder
from codec.encoder import Encoder, FrameReport
from codec.entropy import Reader, Writer
from codec.errors import BitstreamError, CodecError, ConfigError, PictureError, ReferenceMissing, VersionError
from codec.motion import KEYPOINTS, MOTION_NUMBERS
from codec.motion_search import psnr
from codec.quantizer import SYMBOL_LIMIT
from codec.rate import ReferencePolicy
from codec.residual import COEFFICIENTS
from codec.state import Chain, read_frame, walk_pose, write_frame
from codec.symbols import SymbolCoder
from codec.weights import load

Picture = npt.NDArray[np.uint8]

SAMPLE = Path(__file__).parents[2] / "benchmarks" / "data" / "sample.mp4"
CONFIG = CodecConfig(threads=1)
LONE = CONFIG.with_(references="single")  # what the rate policy thinks of the weights is left out
DURATION = 3600
FRAMES = 20
NEW_REFERENCE, KEYFRAME = 7, 13  # frames of the stream below that carry an inter reference and a forced keyframe


@dataclass(frozen=True)
class Coded:
    """One frame as it left the encoder."""

    data: bytes
    shown: Picture
    report: FrameReport

    @property
    def frame(self) -> CodedFrame:
        return CodedFrame.parse(self.data)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def originals() -> list[Picture]:
    """512x512, every third frame."""
    with av.open(str(SAMPLE)) as container:
        frames = [frame for frame, _ in zip(container.decode(video=0), range(3 * FRAMES), strict=False)]
    return [frame.to_ndarray(format="rgb24") for frame in frames[::3]]


@pytest.fixture(scope="module")
def pictures(originals: list[Picture]) -> list[Picture]:
    return [np.asarray(cv2.resize(p, (256, 256), interpolation=cv2.INTER_AREA), np.uint8) for p in originals]


def leaving(*frames: int) -> Callable[..., bool]:
    """A policy that leaves its reference at these of the frames it is asked about, counted from 0."""
    asked = iter(range(1 << 30))
    return lambda *args, **kwargs: next(asked) in frames


@pytest.fixture
def leave_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the real policy would do depends on the weights; tests say it themselves."""
    return lambda *frames: monkeypatch.setattr(ReferencePolicy, "frame", leaving(*frames))


def encode_all(encoder: Encoder, pictures: list[Picture], *, first: int = 0) -> list[Coded]:
    coded = []
    for index, picture in enumerate(pictures):
        data = bytes(encoder.encode(picture, pts=(first + index) * DURATION))
        coded.append(Coded(data, encoder.reconstruction.copy(), encoder.report))
    return coded


@pytest.fixture(scope="module")
def stream(pictures: list[Picture]) -> list[Coded]:
    """Twenty frames in bundles of four, an inter reference and a forced keyframe among them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ReferencePolicy, "frame", leaving(NEW_REFERENCE - 1))
        encoder = Encoder(CONFIG)
        before = encode_all(encoder, pictures[:KEYFRAME])
        encoder.force_keyframe()
        return before + encode_all(encoder, pictures[KEYFRAME:], first=KEYFRAME)


@pytest.fixture
def decoder() -> Decoder:
    return Decoder(CONFIG)


def decode_all(decoder: Decoder, stream: list[Coded]) -> None:
    for coded in stream:
        np.testing.assert_array_equal(decoder.decode(coded.frame), coded.shown)


def motion_of(frame: CodedFrame) -> CodedMotion:
    assert frame.motion is not None
    return frame.motion


def reference_of(frame: CodedFrame) -> CodedReference:
    assert frame.reference is not None
    return frame.reference


def test_the_stream_is_what_these_tests_need(stream: list[Coded]) -> None:
    frames = [coded.frame for coded in stream]
    assert [i for i, frame in enumerate(frames) if frame.is_keyframe] == [0, KEYFRAME]
    assert [i for i, frame in enumerate(frames) if frame.reference] == [0, NEW_REFERENCE, KEYFRAME]
    assert [frame.number for frame in frames] == list(range(FRAMES))
    # A bundle begins after four frames, and with a new reference.
    unchained = [i for i, frame in enumerate(frames) if not motion_of(frame).chained]
    assert unchained == [0, 4, NEW_REFERENCE, NEW_REFERENCE + 4, KEYFRAME, KEYFRAME + 4]
    assert any(motion_of(frame).symbols for frame in frames)


def test_the_decoder_shows_what_the_encoder_saw(stream: list[Coded], decoder: Decoder) -> None:
    decode_all(decoder, stream)


def test_the_halves_travel_alone(stream: list[Coded], decoder: Decoder) -> None:
    for index, coded in enumerate(stream):
        reference, motion = coded.frame.split()
        if reference is not None:
            identifier = decoder.add_reference(CodedFrame.parse(bytes(reference)))
            assert identifier == decoder.references[-1] == reference_of(reference).id
        assert motion is not None
        state = decoder.read(CodedFrame.parse(bytes(motion)))
        assert state.pts == coded.report.pts == index * DURATION
        assert state.reference_id == coded.report.reference_id
        np.testing.assert_array_equal(decoder.render(state), coded.shown)


def test_a_reference_half_alone_shows_its_picture(stream: list[Coded], decoder: Decoder) -> None:
    reference, _ = stream[0].frame.split()
    assert reference is not None
    assert psnr(decoder.decode(reference), stream[0].shown) > 20


def test_it_looks_like_the_original(stream: list[Coded], pictures: list[Picture]) -> None:
    for coded, picture in zip(stream, pictures, strict=True):
        assert coded.report.psnr_db == pytest.approx(psnr(coded.shown, picture))
        assert coded.report.psnr_db > 20


def test_reports_add_up(stream: list[Coded]) -> None:
    for coded in stream:
        report = coded.report
        parts = (report.reference_bits, report.base_bits, report.residual_bits, report.header_bits)
        assert report.payload_bits == 8 * len(coded.data) == sum(parts)
        assert min(parts) >= 0
        assert report.is_keyframe == coded.frame.is_keyframe
        assert (report.reference_bits > 0) == (coded.frame.reference is not None)


# --- pictures ---------------------------------------------------------------------------------------------------------


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
def test_other_pictures_are_refused_and_forgotten(picture: Any, pictures: list[Picture], decoder: Decoder) -> None:
    encoder = Encoder(LONE)
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
def test_odd_sizes_are_brought_to_the_codecs(side: int, pictures: list[Picture]) -> None:
    encoder = Encoder(LONE)
    encoder.encode(np.asarray(cv2.resize(pictures[0], (side, side)), np.uint8), pts=0)
    assert encoder.reconstruction.shape == (256, 256, 3)


def test_pictures_in_any_memory_layout(pictures: list[Picture], decoder: Decoder) -> None:
    encoder = Encoder(LONE)
    for index, picture in enumerate(pictures[:3]):
        coded = encoder.encode(np.asfortranarray(picture)[::-1][::-1], pts=index * DURATION)
        np.testing.assert_array_equal(decoder.decode(coded), encoder.reconstruction)
    assert encoder.report.psnr_db > 20


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_pictures(level: int, decoder: Decoder) -> None:
    encoder = Encoder(LONE)
    for index in range(3):
        coded = encoder.encode(np.full((256, 256, 3), level, np.uint8), pts=index * DURATION)
        np.testing.assert_array_equal(decoder.decode(coded), encoder.reconstruction)


def test_512(originals: list[Picture]) -> None:
    encoder, decoder = Encoder(CONFIG.with_(size=512)), Decoder(CONFIG.with_(size=512))
    for index, picture in enumerate(originals[:3]):
        coded = CodedFrame.parse(bytes(encoder.encode(picture, pts=index * DURATION)))
        shown = decoder.decode(coded)
        assert shown.shape == (512, 512, 3)
        np.testing.assert_array_equal(shown, encoder.reconstruction)
    assert encoder.report.psnr_db > 20


# --- streams for others -----------------------------------------------------------------------------------------------


def test_other_weights_are_named(stream: list[Coded], decoder: Decoder) -> None:
    frame = stream[0].frame
    other = replace(frame, reference=replace(reference_of(frame), weights_id=b"\xde\xad\xbe\xef"))
    with pytest.raises(VersionError, match="deadbeef"):
        decoder.decode(other)
    assert decoder.references == ()
    decode_all(decoder, stream[:2])


def test_another_size_is_refused(stream: list[Coded]) -> None:
    decoder = Decoder(CONFIG.with_(size=512))
    with pytest.raises(BitstreamError, match="256x256"):
        decoder.decode(stream[0].frame)
    relabelled = replace(stream[0].frame, reference=replace(reference_of(stream[0].frame), size=512))
    with pytest.raises(BitstreamError):
        decoder.decode(relabelled)


# --- losses -----------------------------------------------------------------------------------------------------------


def test_without_its_keyframe_nothing_shows_until_the_next(stream: list[Coded], decoder: Decoder) -> None:
    for coded in stream[1:KEYFRAME]:
        with pytest.raises(ReferenceMissing):
            decoder.decode(coded.frame)
    decode_all(decoder, stream[KEYFRAME:])


def test_a_lost_bundle_mate_costs_the_rest_of_its_bundle(stream: list[Coded], decoder: Decoder) -> None:
    decode_all(decoder, stream[:2])
    for coded in stream[3:4]:
        with pytest.raises(ReferenceMissing):
            decoder.decode(coded.frame)
    assert not motion_of(stream[4].frame).chained
    decode_all(decoder, stream[4:NEW_REFERENCE])


def test_a_lost_bundle_start_costs_its_bundle(stream: list[Coded], decoder: Decoder) -> None:
    decode_all(decoder, stream[:4])
    for coded in stream[5:NEW_REFERENCE]:
        with pytest.raises(ReferenceMissing):
            decoder.decode(coded.frame)
    decode_all(decoder, stream[NEW_REFERENCE : NEW_REFERENCE + 3])


def test_a_lost_reference_costs_what_leans_on_it(stream: list[Coded], decoder: Decoder) -> None:
    decode_all(decoder, stream[:NEW_REFERENCE])
    for coded in stream[NEW_REFERENCE + 1 : KEYFRAME]:
        with pytest.raises(ReferenceMissing):
            decoder.decode(coded.frame)
    decode_all(decoder, stream[KEYFRAME:])


def test_a_reference_out_of_order_is_missing_its_own(stream: list[Coded], decoder: Decoder) -> None:
    half, _ = stream[NEW_REFERENCE].frame.split()
    assert half is not None
    with pytest.raises(ReferenceMissing):
        decoder.add_reference(half)
    decode_all(decoder, stream[:1])
    skipped = replace(half, reference=replace(reference_of(half), id=reference_of(half).id + 1))
    with pytest.raises(ReferenceMissing):
        decoder.add_reference(skipped)
    decode_all(decoder, stream[1:9])


def test_halves_that_are_not_there(stream: list[Coded], decoder: Decoder) -> None:
    reference, motion = stream[0].frame.split()
    assert reference is not None
    assert motion is not None
    with pytest.raises(BitstreamError):
        decoder.read(reference)
    with pytest.raises(BitstreamError):
        decoder.add_reference(motion)


def test_a_state_outlives_only_its_reference(stream: list[Coded], decoder: Decoder) -> None:
    decoder.add_reference(stream[0].frame)
    state = decoder.read(stream[0].frame)
    with pytest.raises(ReferenceMissing):
        Decoder(CONFIG).render(state)


# --- damage -----------------------------------------------------------------------------------------------------------


def flipped(data: bytes, random: np.random.Generator) -> bytes:
    damaged = bytearray(data)
    for _ in range(int(random.integers(1, 4))):
        damaged[int(random.integers(len(damaged)))] ^= int(random.integers(1, 256))
    return bytes(damaged[: int(random.integers(1, len(damaged) + 1))] if random.random() < 0.2 else damaged)


def test_damaged_motion_is_refused_by_name_or_shown(stream: list[Coded], decoder: Decoder) -> None:
    random = np.random.default_rng(8)
    decode_all(decoder, stream[:4])
    shown = 0
    for trial in range(150):
        data = flipped(stream[4 + trial % 3].data, random)
        try:
            state = decoder.read(CodedFrame.parse(data))
            if trial % 10 == 0:
                picture = decoder.render(state)
                assert (picture.shape, picture.dtype) == ((256, 256, 3), np.uint8)
                shown += 1
        except CodecError:
            continue
    assert shown
    decode_all(decoder, stream[4:])


def test_damaged_references_are_refused_by_name_or_shown(stream: list[Coded], decoder: Decoder) -> None:
    random = np.random.default_rng(9)
    for trial in range(40):
        half, _ = stream[0 if trial % 2 else NEW_REFERENCE].frame.split()
        try:
            decoder.add_reference(CodedFrame.parse(flipped(bytes(half or b""), random)))
        except CodecError:
            continue
    decode_all(decoder, [stream[0], *stream[4:5], *stream[NEW_REFERENCE : NEW_REFERENCE + 1]])


@pytest.mark.parametrize("value", [2 * SYMBOL_LIMIT, -2 * SYMBOL_LIMIT])
def test_huge_motion_is_shown_somehow(value: int, stream: list[Coded], decoder: Decoder) -> None:
    decode_all(decoder, stream[:1])
    coder = SymbolCoder.of(load(CONFIG.weights).tables)
    huge = Chain(63, np.full(MOTION_NUMBERS, value, np.int32), np.full(COEFFICIENTS, value, np.int32))
    symbols, _ = write_frame(coder, huge)
    motion = CodedMotion(0, chained=False, base=True, qp=63, timestamp=None, symbols=symbols)
    picture = decoder.decode(CodedFrame(4, None, motion))
    assert picture.shape == (256, 256, 3)
    decode_all(decoder, stream[4:6])


@pytest.mark.parametrize("value", [4000, -4000])
def test_a_huge_pose_of_a_reference_is_shown_somehow(value: int, stream: list[Coded], decoder: Decoder) -> None:
    coder, frame = SymbolCoder.of(load(CONFIG.weights).tables), stream[0].frame
    offsets = np.full((KEYPOINTS, 3), value, np.int32)
    difference = np.full(MOTION_NUMBERS, value, np.int32)
    writer = Writer(coder.models)
    walk_pose(coder, writer, offsets=offsets, difference=difference, activity=11)

    def same(reader: Reader) -> bool:
        read = walk_pose(coder, reader, offsets=offsets, difference=difference, activity=0)
        return bool((read[1] == difference).all())

    pose = replace(reference_of(frame), qp=63, symbols=writer.to_bytes(same))
    decoder.decode(replace(frame, reference=pose))
    assert decoder.decode(stream[1].frame).shape == (256, 256, 3)
    assert np.isfinite(np.exp(decoder.read(stream[4].frame).motion)).all()
    decode_all(decoder, stream[:2])


# --- what the encoder can be told -------------------------------------------------------------------------------------


def test_an_acknowledged_reference_is_used_and_no_other(
    pictures: list[Picture], decoder: Decoder, leave_at: Callable[..., None]
) -> None:
    leave_at(2, 4, 8)
    encoder = Encoder(CONFIG.with_(activation="acknowledged"))
    coded = encode_all(encoder, pictures[:7])
    assert [c.frame.reference is not None for c in coded] == [True, False, False, True, False, False, False]
    old, new = reference_of(coded[0].frame).id, reference_of(coded[3].frame).id
    assert old != new
    assert {motion_of(c.frame).reference_id for c in coded} == {old}
    encoder.acknowledge(new + 1)
    encoder.acknowledge(old)
    coded += encode_all(encoder, pictures[7:8], first=7)
    assert motion_of(coded[-1].frame).reference_id == old
    encoder.acknowledge(new)
    encoder.acknowledge(new)
    coded += encode_all(encoder, pictures[8:10], first=8)
    assert [motion_of(c.frame).reference_id for c in coded[8:]] == [new, new]
    assert not motion_of(coded[8].frame).chained
    assert coded[9].frame.reference is not None, "only one reference at a time waits for its receipt"
    decode_all(decoder, coded)


def test_a_keyframe_needs_no_receipt(pictures: list[Picture], decoder: Decoder, leave_at: Callable[..., None]) -> None:
    leave_at(0)
    encoder = Encoder(CONFIG.with_(activation="acknowledged"))
    coded = encode_all(encoder, pictures[:2])
    waiting = reference_of(coded[1].frame).id
    encoder.force_keyframe()
    coded += encode_all(encoder, pictures[2:3], first=2)
    encoder.acknowledge(waiting)
    coded += encode_all(encoder, pictures[3:5], first=3)
    assert coded[2].frame.is_keyframe
    assert {motion_of(c.frame).reference_id for c in coded[2:]} == {reference_of(coded[2].frame).id}
    decode_all(decoder, coded)


def test_many_references_wrap_their_names(
    pictures: list[Picture], decoder: Decoder, leave_at: Callable[..., None]
) -> None:
    leave_at(*range(100))
    coded = encode_all(Encoder(CONFIG), pictures[:10])
    assert [reference_of(c.frame).id for c in coded] == [*range(8), 0, 1]
    decode_all(decoder, coded)
    assert decoder.references == (6, 7, 0, 1)


def test_single_frames_are_never_chained(pictures: list[Picture], decoder: Decoder) -> None:
    coded = encode_all(Encoder(LONE.with_(bundle=1)), pictures[:5])
    assert not any(motion_of(c.frame).chained for c in coded)
    decode_all(decoder, [coded[0], coded[2], coded[4]])


def test_a_started_bundle_is_not_chained(pictures: list[Picture], decoder: Decoder) -> None:
    encoder = Encoder(LONE.with_(bundle=8))
    coded = encode_all(encoder, pictures[:3])
    encoder.start_bundle()
    coded += encode_all(encoder, pictures[3:5], first=3)
    assert [motion_of(c.frame).chained for c in coded] == [False, True, True, False, True]
    decode_all(decoder, [coded[0], coded[3], coded[4]])


def test_a_single_reference(pictures: list[Picture], leave_at: Callable[..., None]) -> None:
    leave_at(*range(100))
    coded = encode_all(Encoder(LONE), pictures[:5])
    assert [c.frame.reference is not None for c in coded] == [True, False, False, False, False]


def test_without_residual_only_the_base_layer_is_coded(pictures: list[Picture], decoder: Decoder) -> None:
    coded = encode_all(Encoder(LONE.with_(residual=False)), pictures[:6])
    coder = SymbolCoder.of(load(CONFIG.weights).tables)
    for c in coded:
        assert not read_frame(coder, motion_of(c.frame).symbols, qp=32).residual.any()
        assert c.report.residual_bits <= 16, "what is left is the end of the last byte"
    decode_all(decoder, coded)


def test_a_higher_qp_spends_less(pictures: list[Picture]) -> None:
    spent = []
    for qp in (16, 32, 48):
        coded = encode_all(Encoder(LONE.with_(qp=qp, measure_every=1 << 20)), pictures[:5])
        spent.append((len(coded[0].data), sum(len(c.data) for c in coded[1:])))
    assert spent[0][0] > spent[1][0] > spent[2][0]
    assert spent[0][1] > spent[2][1]


def test_qp_holds_from_the_next_bundle_on(pictures: list[Picture], decoder: Decoder) -> None:
    encoder = Encoder(LONE)
    coded = encode_all(encoder, pictures[:2])
    encoder.set_qp(50)
    coded += encode_all(encoder, pictures[2:6], first=2)
    assert [motion_of(c.frame).qp for c in coded] == [32, None, None, None, 50, None]
    decode_all(decoder, coded)
    with pytest.raises(ConfigError):
        encoder.set_qp(64)
    encoder.force_keyframe()
    last = encode_all(encoder, pictures[6:7], first=6)[0]
    assert reference_of(last.frame).qp == 50
    assert len(last.data) < len(coded[0].data)
    decode_all(decoder, [last])


def test_equal_pictures_cost_next_to_nothing(pictures: list[Picture], decoder: Decoder) -> None:
    encoder = Encoder(LONE)
    keyframe = encode_all(encoder, pictures[:1])
    again = encode_all(encoder, [keyframe[0].shown] * 4, first=1)
    assert sum(len(c.data) for c in again) <= 40
    assert all(c.report.psnr_db > 28 for c in again)
    decode_all(decoder, keyframe + again)


@pytest.mark.parametrize("gaps", [[1000] * 5, [3003] * 5, [100, 7000, 3600, 40000, 1]])
def test_times_arrive(pictures: list[Picture], decoder: Decoder, gaps: list[int]) -> None:
    encoder, pts = Encoder(LONE), 1 << 20
    decoder.decode(encoder.encode(pictures[0], pts=pts))
    for gap, picture in zip(gaps, pictures[1:], strict=False):
        pts += gap
        state = decoder.read(CodedFrame.parse(bytes(encoder.encode(picture, pts=pts))))
        assert abs(state.pts - pts) <= 150
        assert encoder.report.pts == pts


def test_a_clock_that_stands_still_is_moved_on(pictures: list[Picture]) -> None:
    encoder = Encoder(LONE)
    seen = []
    for pts in (-5, 100, 100, 50, 3600):
        encoder.encode(pictures[0], pts=pts)
        seen.append(encoder.report.pts)
    assert seen == [0, 100, 101, 102, 3600]


def test_measuring_less_often(pictures: list[Picture]) -> None:
    generated: list[str] = []

    def stage(name: str) -> Any:
        generated.append(name)
        return nullcontext()

    encoder = Encoder(LONE.with_(measure_every=4), stage=stage)
    for index, picture in enumerate(pictures[:6]):
        encoder.encode(picture, pts=index * DURATION)
    assert generated.count("generate") == 2
    assert set(generated) == {"motion", "flow", "reference", "entropy", "generate"}
    assert encoder.reconstruction.shape == (256, 256, 3)
    assert generated.count("generate") == 3
    assert encoder.reconstruction is encoder.reconstruction


def test_stages_of_the_decoder(stream: list[Coded]) -> None:
    entered: list[str] = []

    def stage(name: str) -> Any:
        entered.append(name)
        return nullcontext()

    decode_all(Decoder(CONFIG, stage=stage), stream[:2])
    assert entered == ["reference", "entropy", "generate", "entropy", "generate"]


# --- concealment ------------------------------------------------------------------------------------------------------


def test_mix_lies_between(stream: list[Coded], decoder: Decoder) -> None:
    decoder.add_reference(stream[0].frame)
    states = [decoder.read(coded.frame) for coded in stream[:NEW_REFERENCE]]
    first, last = states[1], replace(states[6], base=states[1].base)
    middle = decoder.mix(first, last, 0.25)
    np.testing.assert_allclose(middle.motion, first.motion * 0.75 + last.motion * 0.25, atol=1e-6)
    np.testing.assert_allclose(middle.coefficients, first.coefficients * 0.75 + last.coefficients * 0.25, atol=1e-6)
    assert middle.pts == round(first.pts * 0.75 + last.pts * 0.25)
    assert decoder.render(middle).shape == (256, 256, 3)
    for fraction, end in ((0.0, first), (1.0, last)):
        np.testing.assert_array_equal(decoder.render(decoder.mix(first, last, fraction)), decoder.render(end))


def test_mix_across_references_is_the_nearer(stream: list[Coded], decoder: Decoder) -> None:
    decode_all(decoder, stream[:6])
    before = decoder.read(stream[4].frame)
    for coded in stream[5 : NEW_REFERENCE + 1]:
        decoder.decode(coded.frame)
    after = decoder.read(stream[NEW_REFERENCE].frame)
    assert decoder.mix(before, after, 0.4) is before
    assert decoder.mix(before, after, 0.6) is after


def test_nothing_chains_to_a_mixed_state(stream: list[Coded], decoder: Decoder) -> None:
    decoder.add_reference(stream[0].frame)
    states = [decoder.read(coded.frame) for coded in stream[:3]]
    assert decoder.mix(states[1], replace(states[2], base=states[1].base), 0.5).chain is None
