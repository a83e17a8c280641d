"""Training, tables: frequencies and profiles fitted to what is coded take fewer bits, and still are tables."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from codec.bits.bitstream import CodedFrame, CodedMotion
from codec.bits.entropy import Counter, check_tables
from codec.bits.quantizer import Symbols
from codec.bits.symbols import CLASSES, WINDOW_SETS, CodingTables, SymbolCoder
from codec.config import CodecConfig
from codec.motion.expression import FACE_NUMBERS
from codec.motion.parameters import MOTION_NUMBERS
from codec.motion.residual import COEFFICIENTS
from codec.networks import FaceModel
from codec.networks.store import serialize
from codec.state.chain import ALL_WINDOWS, FACE_BIT, Chain, walk_frame, write_frame
from codec.training.results.coding_tables import Differences, collect, fit
from codec.weights import files as weights


def differences(count: int) -> Differences:
    """Mostly still motion with a talkative number 7, residuals of low frequencies, faces mostly drawn whole."""
    random = np.random.default_rng(12)
    u, v = np.indices(COEFFICIENTS[1:])
    motion, residual, face = [], [], []
    for loudness in random.uniform(0.2, 1.5, count):
        values = random.laplace(0, 0.4 * loudness, MOTION_NUMBERS)
        values[7] *= 9
        motion.append(np.round(values).astype(np.int32))
        values = random.laplace(0, 0.3 * loudness, FACE_NUMBERS)
        values[8] *= 12
        face.append(np.round(values).astype(np.int32))
        residual.append(np.round(random.laplace(0, 3 * loudness / (1 + u + v) ** 2, COEFFICIENTS)).astype(np.int32))
    windows = [(ALL_WINDOWS, ALL_WINDOWS if random.random() < 0.9 else FACE_BIT) for _ in range(count)]
    return Differences(motion, [values for values in residual if values.any()], face, windows)


def counted_bits(found: Differences, tables: CodingTables) -> float:
    coder = SymbolCoder.of(tables)
    counter = Counter(coder.models)
    still: Symbols = np.zeros(COEFFICIENTS, np.int32)
    for motion in found.motion:
        chain = Chain(0, motion, still, np.zeros(FACE_NUMBERS, np.int32), 0)
        walk_frame(coder, counter, chain, windows=0, activities=(coder.motion_activity(motion), 0, 0))
    for face, (before, now) in zip(found.face, found.windows, strict=True):
        chain = Chain(0, np.zeros(MOTION_NUMBERS, np.int32), still, face, now)
        walk_frame(coder, counter, chain, windows=before, activities=(0, coder.face_activity(face), 0))
    for residual in found.residual:
        coder.residual(counter, residual, activity=coder.residual_activity(residual))
    return counter.bits


def test_fitted_tables_take_fewer_bits() -> None:
    found, before = differences(150), weights.default_coding_tables()
    after = fit(found, before)
    assert check_tables(after.tables)
    assert after.residual_step == before.residual_step, "steps are a choice, not counted"
    assert counted_bits(found, after) < 0.95 * counted_bits(found, before)
    model = FaceModel()
    again = weights.parse(serialize(model, after, metadata={}), identifier=b"1234").tables
    np.testing.assert_array_equal(again.tables, after.tables)
    np.testing.assert_array_equal(again.motion_profile, after.motion_profile)
    np.testing.assert_array_equal(again.face_profile, after.face_profile)
    np.testing.assert_array_equal(again.windows_tables, after.windows_tables)


def test_each_part_takes_fewer_bits_of_its_own() -> None:
    found, before = differences(150), weights.default_coding_tables()
    after = fit(found, before)
    assert check_tables(after.windows_tables, rows=WINDOW_SETS, size=WINDOW_SETS)
    assert check_tables(after.class_tables, rows=3, size=CLASSES)
    np.testing.assert_array_equal(after.face_steps, before.face_steps)
    costs = [SymbolCoder.of(tables).costs for tables in (before, after)]
    default, fitted = (sum(float(cost.face(face).min()) for face in found.face) for cost in costs)
    assert fitted < 0.95 * default
    assert after.face_profile[8] == after.face_profile.max(), "the number that talks"
    assert after.windows_tables[ALL_WINDOWS].argmax() == ALL_WINDOWS


def test_clips_without_a_face_leave_its_tables_usable() -> None:
    found = differences(20)
    after = fit(Differences(found.motion, found.residual, [], []), weights.default_coding_tables())
    assert check_tables(after.tables)
    assert check_tables(after.windows_tables, rows=WINDOW_SETS, size=WINDOW_SETS)
    face = np.ones(FACE_NUMBERS, np.int32)
    assert np.isfinite(SymbolCoder.of(after).costs.face(face)).all()


class Dictated:
    """An encoder that codes what it is told, whatever it is shown."""

    def __init__(self, config: CodecConfig) -> None:
        self.shown = SimpleNamespace(face=object())
        self._frames = iter(dictation())

    def encode(self, image_rgb: Any, *, pts: int) -> CodedFrame:
        chained, symbols = next(self._frames)
        return CodedFrame(0, None, CodedMotion(0, chained, True, None, None, symbols))


def dictation() -> list[tuple[bool, bytes]]:
    """A bundle moved by keypoints; a new reference, which stands still; a frame of its bundle, moved by the face."""
    coder, still = SymbolCoder.of(weights.default_coding_tables()), np.zeros(COEFFICIENTS, np.int32)
    nothing = np.zeros(MOTION_NUMBERS, np.int32), np.zeros(FACE_NUMBERS, np.int32)
    by_keypoints = Chain(0, nothing[0] + 1, still, nothing[1], 0)
    by_face = Chain(0, nothing[0], still, nothing[1] + 2, ALL_WINDOWS)
    return [
        (False, write_frame(coder, by_keypoints, windows=ALL_WINDOWS)[0]),
        (True, write_frame(coder, by_keypoints, windows=0)[0]),
        (False, b""),
        (True, write_frame(coder, by_face, windows=ALL_WINDOWS)[0]),
    ]


def test_what_is_collected_is_what_was_coded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each frame is read against the windows of the link before, a still one between bundles among them."""
    monkeypatch.setattr("codec.encoder.Encoder", Dictated)
    frames = [np.zeros((256, 256, 3), np.uint8)] * 4
    found = collect([frames], weights.default_coding_tables(), weights="any", qps=(32,))
    assert found.windows == [(ALL_WINDOWS, 0), (0, 0), (ALL_WINDOWS, ALL_WINDOWS)]
    assert [motion.tolist() for motion in found.motion] == [[1] * MOTION_NUMBERS] * 2
    assert [face.tolist() for face in found.face] == [[2] * FACE_NUMBERS]
    assert not found.residual
