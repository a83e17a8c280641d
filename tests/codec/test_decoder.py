"""Decoder: shows what the encoder saw, bit for bit; every loss and all damage have a name and an end."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from codec.bits.bitstream import CHAINED_NUMBERS, CodedFrame, CodedMotion, CodedReference
from codec.bits.entropy import Writer
from codec.bits.quantizer import SYMBOL_LIMIT
from codec.bits.symbols import SymbolCoder
from codec.config import CodecConfig
from codec.errors import BitstreamError, CodecError, ReferenceMissing, VersionError
from codec.motion.expression import FACE_NUMBERS
from codec.motion.face_box import FaceBox
from codec.motion.parameters import KEYPOINTS, MOTION_NUMBERS
from codec.motion.residual import COEFFICIENTS
from codec.pictures.psnr import psnr_db
from codec.state.chain import ALL_WINDOWS, EYES_BIT, MOUTH_BIT, Chain, write_frame
from codec.state.reference_facts import walk_pose
from codec.weights.files import load

Make = Callable[..., Any]

DURATION = 3600
NEW_REFERENCE, KEYFRAME = 7, 13  # frames of the recorded stream


def test_the_stream_is_what_these_tests_need(stream: list[Any]) -> None:
    frames = [coded.frame for coded in stream]
    assert [i for i, frame in enumerate(frames) if frame.is_keyframe] == [0, KEYFRAME]
    assert [i for i, frame in enumerate(frames) if frame.reference] == [0, NEW_REFERENCE, KEYFRAME]
    assert [coded.report.number for coded in stream] == list(range(20))
    for number, coded in enumerate(stream):
        assert coded.frame.number == (number % CHAINED_NUMBERS if coded.motion.chained else number)
    # A bundle begins after four frames, and with a new reference.
    unchained = [i for i, coded in enumerate(stream) if not coded.motion.chained]
    assert unchained == [0, 4, NEW_REFERENCE, NEW_REFERENCE + 4, KEYFRAME, KEYFRAME + 4]
    assert any(coded.motion.symbols for coded in stream)


def test_the_decoder_shows_what_the_encoder_saw(stream: list[Any], decoder: Any) -> None:
    decoder.follow(stream)


def test_the_halves_travel_alone(stream: list[Any], decoder: Any) -> None:
    for index, coded in enumerate(stream):
        reference, motion = coded.frame.split()
        if reference is not None:
            identifier = decoder.add_reference(CodedFrame.parse(bytes(reference)))
            assert identifier == decoder.references[-1] == coded.reference.id
        assert motion is not None
        state = decoder.read(CodedFrame.parse(bytes(motion)))
        assert state.pts == coded.report.pts == index * DURATION
        assert state.reference_id == coded.report.reference_id
        np.testing.assert_array_equal(decoder.render(state), coded.shown)


def test_a_reference_half_alone_shows_its_picture(stream: list[Any], decoder: Any) -> None:
    reference, _ = stream[0].frame.split()
    assert reference is not None
    assert psnr_db(decoder.decode(reference), stream[0].shown) > 20


def test_stages_of_the_decoder(stream: list[Any], make_decoder: Make, stages: Any) -> None:
    make_decoder(stage=stages).follow(stream[:2])
    assert stages.entered == ["reference", "entropy", "generate", "entropy", "generate"]


def saying(coded: Any, **changes: Any) -> CodedReference:
    """A keyframe's reference half that says something else of its stream."""
    reference: CodedReference = coded.reference
    assert reference.opening is not None
    return replace(reference, opening=replace(reference.opening, **changes))


def test_other_weights_are_named(stream: list[Any], decoder: Any) -> None:
    frame = stream[0].frame
    other = replace(frame, reference=saying(stream[0], weights_id=b"\xde\xad\xbe\xef"))
    with pytest.raises(VersionError, match="deadbeef"):
        decoder.decode(other)
    assert decoder.references == ()
    decoder.follow(stream[:2])


def test_another_size_is_refused(stream: list[Any], make_decoder: Make) -> None:
    decoder = make_decoder(size=512)
    with pytest.raises(BitstreamError, match="256x256"):
        decoder.decode(stream[0].frame)
    relabelled = replace(stream[0].frame, reference=saying(stream[0], size=512))
    with pytest.raises(BitstreamError):
        decoder.decode(relabelled)


def test_without_its_keyframe_nothing_shows_until_the_next(stream: list[Any], decoder: Any) -> None:
    for coded in stream[1:KEYFRAME]:
        with pytest.raises(ReferenceMissing):
            decoder.decode(coded.frame)
    decoder.follow(stream[KEYFRAME:])


def test_a_lost_bundle_mate_costs_the_rest_of_its_bundle(stream: list[Any], decoder: Any) -> None:
    decoder.follow(stream[:2])
    for coded in stream[3:4]:
        with pytest.raises(ReferenceMissing):
            decoder.decode(coded.frame)
    assert not stream[4].motion.chained
    decoder.follow(stream[4:NEW_REFERENCE])


def test_a_lost_bundle_start_costs_its_bundle(stream: list[Any], decoder: Any) -> None:
    decoder.follow(stream[:4])
    for coded in stream[5:NEW_REFERENCE]:
        with pytest.raises(ReferenceMissing):
            decoder.decode(coded.frame)
    decoder.follow(stream[NEW_REFERENCE : NEW_REFERENCE + 3])


def test_a_lost_reference_costs_what_leans_on_it(stream: list[Any], decoder: Any) -> None:
    decoder.follow(stream[:NEW_REFERENCE])
    for coded in stream[NEW_REFERENCE + 1 : KEYFRAME]:
        with pytest.raises(ReferenceMissing):
            decoder.decode(coded.frame)
    decoder.follow(stream[KEYFRAME:])


def test_a_reference_out_of_order_is_missing_its_own(stream: list[Any], decoder: Any) -> None:
    half, _ = stream[NEW_REFERENCE].frame.split()
    assert half is not None
    with pytest.raises(ReferenceMissing):
        decoder.add_reference(half)
    decoder.follow(stream[:1])
    skipped = replace(half, reference=replace(stream[NEW_REFERENCE].reference, id=2))
    with pytest.raises(ReferenceMissing):
        decoder.add_reference(skipped)
    decoder.follow(stream[1:9])


def test_halves_that_are_not_there(stream: list[Any], decoder: Any) -> None:
    reference, motion = stream[0].frame.split()
    assert reference is not None
    assert motion is not None
    with pytest.raises(BitstreamError):
        decoder.read(reference)
    with pytest.raises(BitstreamError):
        decoder.add_reference(motion)


def test_a_state_outlives_only_its_reference(stream: list[Any], decoder: Any, make_decoder: Make) -> None:
    decoder.add_reference(stream[0].frame)
    state = decoder.read(stream[0].frame)
    with pytest.raises(ReferenceMissing):
        make_decoder().render(state)


def test_damaged_motion_is_refused_by_name_or_shown(
    stream: list[Any], decoder: Any, flip: Callable[..., bytes]
) -> None:
    random = np.random.default_rng(8)
    decoder.follow(stream[:4])
    shown = 0
    for trial in range(150):
        data = flip(stream[4 + trial % 3].data, random)
        try:
            state = decoder.read(CodedFrame.parse(data))
            if trial % 10 == 0:
                picture = decoder.render(state)
                assert (picture.shape, picture.dtype) == ((256, 256, 3), np.uint8)
                shown += 1
        except CodecError:
            continue
    assert shown
    decoder.follow(stream[4:])


def test_damaged_references_are_refused_by_name_or_shown(
    stream: list[Any], decoder: Any, flip: Callable[..., bytes]
) -> None:
    random = np.random.default_rng(9)
    for trial in range(40):
        half, _ = stream[0 if trial % 2 else NEW_REFERENCE].frame.split()
        try:
            decoder.add_reference(CodedFrame.parse(flip(bytes(half or b""), random)))
        except CodecError:
            continue
    decoder.follow([stream[0], *stream[4:5], *stream[NEW_REFERENCE : NEW_REFERENCE + 1]])


@pytest.mark.parametrize("value", [2 * SYMBOL_LIMIT, -2 * SYMBOL_LIMIT])
def test_huge_motion_is_shown_somehow(value: int, stream: list[Any], decoder: Any) -> None:
    decoder.follow(stream[:1])
    coder = SymbolCoder.of(load(CodecConfig().weights).tables)
    still = np.zeros(FACE_NUMBERS, np.int32)
    huge = Chain(63, np.full(MOTION_NUMBERS, value, np.int32), np.full(COEFFICIENTS, value, np.int32), still, 0)
    symbols, _ = write_frame(coder, huge, windows=ALL_WINDOWS)
    motion = CodedMotion(0, chained=False, base=True, qp=63, timestamp=None, symbols=symbols)
    picture = decoder.decode(CodedFrame(4, None, motion))
    assert picture.shape == (256, 256, 3)
    decoder.follow(stream[4:6])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spread", [3.0, 2 * SYMBOL_LIMIT])
def test_an_absurd_face_is_shown_somehow(spread: float, seed: int, stream: list[Any], decoder: Any) -> None:
    """Any face numbers, drawn in full: the state stays finite and what comes after is right."""
    decoder.follow(stream[:1])
    coder = SymbolCoder.of(load(CodecConfig().weights).tables)
    random = np.random.default_rng(seed)
    face = np.clip(random.normal(0, spread, FACE_NUMBERS), -2 * SYMBOL_LIMIT, 2 * SYMBOL_LIMIT).astype(np.int32)
    still = np.zeros(COEFFICIENTS, np.int32)
    wild = Chain(63, np.zeros(MOTION_NUMBERS, np.int32), still, face, ALL_WINDOWS)
    symbols, _ = write_frame(coder, wild, windows=ALL_WINDOWS)
    motion = CodedMotion(0, chained=False, base=bool(seed % 2), qp=63, timestamp=None, symbols=symbols)
    state = decoder.read(CodedFrame(4, None, motion))
    assert state.windows == ALL_WINDOWS
    assert np.isfinite(state.face).all()
    assert np.isfinite(np.exp(state.motion)).all()
    assert decoder.render(state).shape == (256, 256, 3)
    decoder.follow(stream[4:6])


@pytest.mark.parametrize("seed", range(2))
def test_damaged_faces_are_refused_by_name_or_shown(seed: int, stream: list[Any], decoder: Any) -> None:
    """Random bytes in place of the face numbers, after a real header."""
    random = np.random.default_rng(seed)
    decoder.follow(stream[:1])
    shown = 0
    for trial in range(120):
        symbols = random.integers(0, 256, int(random.integers(1, 40)), np.uint8).tobytes()
        motion = CodedMotion(0, chained=False, base=True, qp=int(random.integers(64)), timestamp=None, symbols=symbols)
        try:
            state = decoder.read(CodedFrame.parse(bytes(CodedFrame(4, None, motion))))
            assert np.isfinite(state.face).all()
            if trial % 8 == 0:
                picture = decoder.render(state)
                assert (picture.shape, picture.dtype) == ((256, 256, 3), np.uint8)
                shown += 1
        except CodecError:
            continue
    assert shown
    decoder.follow(stream[4:NEW_REFERENCE])


def test_the_face_travels(stream: list[Any], decoder: Any) -> None:
    """Mouth and eyes are among what the recorded stream shows, and both ends have the same numbers of them."""
    decoder.add_reference(stream[0].frame)
    states = [decoder.read(coded.frame) for coded in stream[:NEW_REFERENCE]]
    assert any(state.windows & MOUTH_BIT for state in states)
    assert any(state.windows & EYES_BIT for state in states)
    assert len({state.face.tobytes() for state in states}) > 2
    bare = [replace(state, windows=state.windows & ~(MOUTH_BIT | EYES_BIT)) for state in states]
    different = [(decoder.render(a) != decoder.render(b)).any() for a, b in zip(states, bare, strict=True)]
    assert different == [bool(state.windows & (MOUTH_BIT | EYES_BIT)) for state in states]


def test_a_reference_without_a_face_is_moved_by_keypoints(stream: list[Any], decoder: Any) -> None:
    """It comes with no box, and its frames with no face numbers."""
    coder, frame = SymbolCoder.of(load(CodecConfig().weights).tables), stream[0].frame
    writer = Writer(coder.models)
    still = np.zeros(MOTION_NUMBERS, np.int32)
    walk_pose(coder, writer, offsets=np.zeros((KEYPOINTS, 3), np.int32), difference=still, activity=0, box=None)
    faceless = replace(stream[0].reference, symbols=writer.to_bytes())
    decoder.decode(replace(frame, reference=faceless))
    motion = still.copy()
    motion[4] = 9
    blank = np.zeros(FACE_NUMBERS, np.int32)
    chain = Chain(faceless.opening.qp, motion, np.zeros(COEFFICIENTS, np.int32), blank, 0)
    symbols, _ = write_frame(coder, chain, windows=ALL_WINDOWS)
    half = CodedMotion(frame.reference.id, chained=False, base=True, qp=None, timestamp=None, symbols=symbols)
    state = decoder.read(CodedFrame(1, None, half))
    assert state.chain is not None
    assert (state.windows, state.chain.windows) == (0, 0)
    assert not state.face.any()
    np.testing.assert_array_equal(state.chain.motion - decoder.read(frame).chain.motion, motion)
    assert decoder.render(state).shape == (256, 256, 3)
    decoder.follow(stream[:4])


@pytest.mark.parametrize("fields", [(0, 0, 0, 0), (127, 127, 31, 31), (64, 60, 0, 16), (0, 127, 31, 5)])
def test_a_box_that_holds_no_face_is_looked_into(fields: tuple[int, ...], stream: list[Any], decoder: Any) -> None:
    """Whatever a peer says of where its face is."""
    coder, frame = SymbolCoder.of(load(CodecConfig().weights).tables), stream[0].frame
    writer = Writer(coder.models)
    still, offsets = np.zeros(MOTION_NUMBERS, np.int32), np.zeros((KEYPOINTS, 3), np.int32)
    walk_pose(coder, writer, offsets=offsets, difference=still, activity=0, box=FaceBox(*fields))
    decoder.decode(replace(frame, reference=replace(stream[0].reference, symbols=writer.to_bytes())))
    face = np.full(FACE_NUMBERS, 3, np.int32)
    chain = Chain(frame.reference.opening.qp, still, np.zeros(COEFFICIENTS, np.int32), face, ALL_WINDOWS)
    symbols, _ = write_frame(coder, chain, windows=ALL_WINDOWS)
    half = CodedMotion(frame.reference.id, chained=False, base=True, qp=None, timestamp=None, symbols=symbols)
    state = decoder.read(CodedFrame(1, None, half))
    assert np.isfinite(state.face).all()
    assert decoder.render(state).shape == (256, 256, 3)
    decoder.follow(stream[:4])


@pytest.mark.parametrize("value", [4000, -4000])
def test_a_huge_pose_of_a_reference_is_shown_somehow(value: int, stream: list[Any], decoder: Any) -> None:
    coder, frame = SymbolCoder.of(load(CodecConfig().weights).tables), stream[0].frame
    offsets = np.full((KEYPOINTS, 3), value, np.int32)
    difference = np.full(MOTION_NUMBERS, value, np.int32)
    writer = Writer(coder.models)
    walk_pose(coder, writer, offsets=offsets, difference=difference, activity=11, box=None)
    pose = replace(saying(stream[0], qp=63), symbols=writer.to_bytes())
    decoder.decode(replace(frame, reference=pose))
    assert decoder.decode(stream[1].frame).shape == (256, 256, 3)
    assert np.isfinite(np.exp(decoder.read(stream[4].frame).motion)).all()
    decoder.follow(stream[:2])


def test_mix_lies_between(stream: list[Any], decoder: Any) -> None:
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


def test_mix_across_references_is_the_nearer(stream: list[Any], decoder: Any) -> None:
    decoder.follow(stream[:6])
    before = decoder.read(stream[4].frame)
    for coded in stream[5 : NEW_REFERENCE + 1]:
        decoder.decode(coded.frame)
    after = decoder.read(stream[NEW_REFERENCE].frame)
    assert decoder.mix(before, after, 0.4) is before
    assert decoder.mix(before, after, 0.6) is after


def test_nothing_chains_to_a_mixed_state(stream: list[Any], decoder: Any) -> None:
    decoder.add_reference(stream[0].frame)
    states = [decoder.read(coded.frame) for coded in stream[:3]]
    assert decoder.mix(states[1], replace(states[2], base=states[1].base), 0.5).chain is None
