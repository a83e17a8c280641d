"""The budget, spent on calls that are no more than what their frames would cost."""

from dataclasses import dataclass

import numpy as np
import pytest

from codec.bits.payload_window import WindowRates, window_rates
from codec.decisions.budget import Budget, Ledger, MotionModel
from codec.units import PTS_PER_S

FPS = 25
SEEDS = (0, 1)


@dataclass(frozen=True)
class Call:
    """Bits at qp 34: of a frame's motion, of a reference and of the keyframe; how long a reference fits, in seconds."""

    motion: float = 80.0
    reference: float = 2500.0
    keyframe: float = 5000.0
    fits_s: float = 0.9
    kept: float = 1.0  # of the frames; the others are dropped
    gap: tuple[int, int] = (0, 0)  # frames that never come
    still_after: int = 1 << 30


@dataclass
class Run:
    """What became of a call."""

    frames: list[tuple[int, int]]
    qps: list[int]
    references: list[int]

    @property
    def rates(self) -> WindowRates:
        return window_rates(self.frames, end=self.frames[-1][0] + PTS_PER_S // FPS)

    @property
    def kbps(self) -> float:
        return sum(bits for _, bits in self.frames) / self.frames[-1][0] * PTS_PER_S / 1000


def spend(call: Call, kbps: float, *, seconds: int = 30, seed: int = 0, keyframes: tuple[int, ...] = (0,)) -> Run:
    """One call, frame by frame: the older the reference, the dearer the motion and the more a new one is wanted."""
    random = np.random.default_rng(seed)
    budget = Budget(kbps, size=256, bundle=4)
    run = Run([], [], [])
    age_s, lived, place, activity, last = 0.0, 0, 0, 1.0, 0
    for index in range(seconds * FPS):
        if (random.random() > call.kept and index) or call.gap[0] <= index < call.gap[1]:
            continue
        activity *= float(np.exp(random.normal(0, 0.06) - 0.03 * np.log(activity)))
        age_s, lived, last = age_s + activity * (index - last) / FPS, lived + 1, index
        pts = index * PTS_PER_S // FPS
        budget.advance(pts)
        chained, motion, reference = place > 0, 24, 0
        if index in keyframes:
            reference = min(round(call.keyframe * 2 ** ((34 - budget.qp) / 23)), budget.keyframe_bits)
            budget.spend(motion_bits=24, wanted_bits=24, reference_bits=reference, keyframe=True, chained=False)
        else:
            if not chained:
                budget.plan()
            size = call.motion * 2 ** ((34 - budget.qp) / 11) * min(1.3, 0.25 + 0.5 * age_s)
            size *= (0.55 if chained else 2.4) * float(np.exp(random.normal(0, 0.4)))
            wanted = 24 if index > call.still_after else 24 + 8 * round(size * activity / 8)
            motion = min(wanted, 24 + 8 * budget.room_bytes())
            excess_db = 3 * (age_s - call.fits_s * 2 ** ((budget.qp - 34) / 22)) + random.normal(0, 0.5)
            if index > call.still_after:
                excess_db = -10.0
            if budget.grants(excess_db=excess_db if lived >= 5 else -np.inf):
                reference = round(call.reference * float(np.exp(random.normal(0, 0.12))))
                motion = 24
                budget.plan()
            budget.spend(
                motion_bits=motion, wanted_bits=wanted, reference_bits=reference, keyframe=False, chained=chained
            )
        if reference:
            age_s, lived, place = 0.0, 0, 0
            run.references.append(index)
        place = (place + 1) % 4
        run.frames.append((pts, motion + reference))
        run.qps.append(budget.qp)
    return run


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kbps", [6.0, 8.0, 10.0])
def test_any_five_seconds_take_the_budget(kbps: float, seed: int) -> None:
    run = spend(Call(), kbps, seed=seed)
    assert run.rates.least is not None
    assert run.rates.most is not None
    assert 0.9 * kbps <= run.rates.least
    assert run.rates.most <= 1.1 * kbps
    assert run.kbps == pytest.approx(kbps, rel=0.07)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kept", [0.5, 0.3])
def test_dropped_frames_leave_their_bits_to_the_others(kept: float, seed: int) -> None:
    run = spend(Call(motion=120.0, kept=kept), 6.0, seed=seed)
    assert run.kbps == pytest.approx(6.0, rel=0.1)
    assert run.rates.most is not None
    assert run.rates.most <= 1.1 * 6.0


def test_qp_moves_by_few_steps() -> None:
    qps = np.array(spend(Call(), 8.0).qps[2 * FPS :])
    steps = np.abs(np.diff(qps))
    assert steps.max() <= 12
    assert steps.mean() < 0.5
    assert qps.std() < 8


def test_a_larger_budget_is_spent_at_a_lower_qp_and_on_more_references() -> None:
    runs = [spend(Call(), kbps) for kbps in (5.0, 8.0, 12.0)]
    qps = [float(np.mean(run.qps)) for run in runs]
    assert qps == sorted(qps, reverse=True)
    assert len(runs[0].references) < len(runs[-1].references)


def test_a_gap_earns_nothing() -> None:
    run = spend(Call(gap=(300, 450)), 8.0)
    after = [bits for pts, bits in run.frames if 450 <= pts // 3600 < 475]
    assert sum(after) < 1.6 * 8000


def test_stillness_is_not_padded_and_gains_no_claim() -> None:
    run = spend(Call(still_after=300), 8.0)
    assert run.qps[-1] == 0
    assert sum(bits for pts, bits in run.frames if pts >= 350 * 3600) < 0.2 * 8000 * 16


def test_a_forced_keyframe_is_paid_back() -> None:
    run = spend(Call(), 8.0, keyframes=(0, 300), seconds=40)
    assert run.kbps == pytest.approx(8.0, rel=0.07)
    later = [frame for frame in run.frames if frame[0] > 300 * 3600]
    rates = window_rates(later, end=later[-1][0] + 3600)
    assert rates.most is not None
    assert rates.most < 1.15 * 8


def test_the_same_call_is_spent_the_same_way() -> None:
    assert spend(Call(), 6.0, seconds=10).frames == spend(Call(), 6.0, seconds=10).frames


def test_a_picture_like_no_other_gets_its_reference_at_once() -> None:
    budget = Budget(4.0, size=256, bundle=4)
    budget.advance(0)
    budget.spend(motion_bits=24, wanted_bits=24, reference_bits=8000, keyframe=True, chained=False)
    budget.advance(3600)
    budget.spend(motion_bits=4000, wanted_bits=4000, reference_bits=0, keyframe=False, chained=True)
    assert not budget.grants(excess_db=5.0), "there is no room"
    assert budget.grants(excess_db=8.0)


def test_without_references_motion_has_it_all() -> None:
    qps = []
    for references in (True, False):
        budget = Budget(6.0, size=256, bundle=4, references=references)
        for index in range(20):
            budget.advance(index * 3600)
            if index % 4 == 0:
                budget.plan()
            bits = round(120 * 2 ** ((34 - budget.qp) / 12))
            budget.spend(motion_bits=bits, wanted_bits=bits, reference_bits=0, keyframe=False, chained=index % 4 > 0)
        qps.append(budget.qp)
    assert qps[0] > qps[1]


def test_a_ledger_holds_the_last_window() -> None:
    ledger = Ledger(10.0)
    assert ledger.held(now_s=10.0, ahead_s=0.0) == 4.5, "before it begins, the pace was 0.9"
    ledger.add(0.5, at_s=10.0)
    assert ledger.held(now_s=10.0, ahead_s=2.0) == pytest.approx(3.2)
    ledger.add(0.25, at_s=12.0)
    assert ledger.held(now_s=14.9, ahead_s=0.0) == pytest.approx(0.84)
    assert ledger.held(now_s=15.0, ahead_s=0.0) == 0.25
    assert ledger.held(now_s=15.0, ahead_s=5.0) == 0.0


def test_a_ledger_forgets_what_no_window_needs() -> None:
    ledger = Ledger(0.0)
    for index in range(10_000):
        ledger.add(0.01, at_s=index * 0.01)
    assert ledger.held(now_s=99.99, ahead_s=0.0) == pytest.approx(5.0)
    assert len(ledger._times) <= 2048


def test_the_model_learns_what_frames_cost() -> None:
    model = MotionModel(qp=30, bits=100.0)
    for _ in range(100):
        model.see(400, qp=30, chained=False, fresh=False)
        model.see(80, qp=30, chained=True, fresh=False)
    assert model.qp_for(160.0, bundle=4, fresh=False) == pytest.approx(30.0, abs=0.1)
    assert model.qp_for(80.0, bundle=4, fresh=False) == pytest.approx(42.0, abs=0.1)
    assert model.qp_for(160.0, bundle=1, fresh=False) == pytest.approx(30 + 12 * np.log2(2.5), abs=0.1)
