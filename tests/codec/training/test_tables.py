"""Training, tables: frequencies and profiles fitted to what is coded take fewer bits, and still are tables."""

import numpy as np

from codec.bits.entropy import Counter, check_tables
from codec.bits.quantizer import Symbols
from codec.bits.symbols import CodingTables, SymbolCoder
from codec.motion.parameters import MOTION_NUMBERS
from codec.motion.residual import COEFFICIENTS
from codec.networks import FaceModel
from codec.networks.store import serialize
from codec.state.chain import Chain, walk_frame
from codec.training.results.coding_tables import Differences, fit
from codec.weights import files as weights


def differences(count: int) -> Differences:
    """Mostly still motion with a talkative number 7; residuals of low frequencies."""
    random = np.random.default_rng(12)
    u, v = np.indices(COEFFICIENTS[1:])
    motion, residual = [], []
    for loudness in random.uniform(0.2, 1.5, count):
        values = random.laplace(0, 0.4 * loudness, MOTION_NUMBERS)
        values[7] *= 9
        motion.append(np.round(values).astype(np.int32))
        residual.append(np.round(random.laplace(0, 3 * loudness / (1 + u + v) ** 2, COEFFICIENTS)).astype(np.int32))
    return Differences(motion, [values for values in residual if values.any()])


def counted_bits(found: Differences, tables: CodingTables) -> float:
    coder = SymbolCoder.of(tables)
    counter = Counter(coder.models)
    still: Symbols = np.zeros(COEFFICIENTS, np.int32)
    for motion in found.motion:
        walk_frame(coder, counter, Chain(0, motion, still), activities=(coder.motion_activity(motion), 0))
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
