"""Rate: the Lagrangian, the quality of references, and when a reference has served its time."""

import math

import pytest

from codec.decisions.lagrangian import lagrangian
from codec.decisions.reference_policy import ReferencePolicy
from codec.reference.crf import coarser_crf, reference_crf

QP = 32
BITS = 8000  # of a reference
FRAME_BITS = 100
LONG = 500


def life(policy: ReferencePolicy, quality: list[float], *, bits: int = FRAME_BITS, qp: int = QP) -> int:
    """Frames until the policy leaves the reference; len(quality) + 1 when it does not."""
    for index, psnr_db in enumerate(quality):
        if policy.frame(psnr_db, bits=bits, qp=qp):
            return index + 1
    return len(quality) + 1


def decaying(slope: float, *, start: float = 34.0) -> list[float]:
    return [max(15.0, start - slope * index) for index in range(LONG)]


@pytest.fixture
def policy() -> ReferencePolicy:
    policy = ReferencePolicy()
    policy.begin(bits=BITS, psnr_db=34.0, qp=QP)
    return policy


def test_a_decibel_is_worth_fewer_bits_at_a_higher_qp() -> None:
    worth = [lagrangian(qp) for qp in range(64)]
    assert worth == sorted(worth)
    assert lagrangian(42) == pytest.approx(2 * lagrangian(32))


def test_references_follow_qp_and_stay_in_range() -> None:
    quality = [reference_crf(qp) for qp in range(64)]
    assert quality == sorted(quality)
    assert 1 <= quality[0] < quality[-1] <= 63


def test_a_picture_that_is_too_large_is_coded_more_coarsely() -> None:
    steps = [coarser_crf(50, by=by) - 50 for by in (1.01, 1.2, 2.0, 100.0)]
    assert steps == sorted(steps)
    assert steps[0] == 1
    assert steps[-1] <= 5
    assert coarser_crf(62, by=4.0) == 63


def test_the_policy_says_by_how_much_a_reference_is_wanted(policy: ReferencePolicy) -> None:
    assert policy.excess_db == -math.inf
    assert not policy.frame(34.0, bits=FRAME_BITS, qp=QP)
    assert policy.excess_db == -math.inf, "it is too young to be left"
    for psnr_db in decaying(0.1)[:20]:
        policy.frame(psnr_db, bits=FRAME_BITS, qp=QP)
    before = policy.excess_db
    assert policy.frame(15.0, bits=FRAME_BITS, qp=QP)
    assert policy.excess_db > max(0.0, before)


def test_a_reference_that_still_fits_is_kept(policy: ReferencePolicy) -> None:
    assert life(policy, [34.0] * LONG) > LONG


def test_a_reference_that_no_longer_fits_is_left(policy: ReferencePolicy) -> None:
    assert life(policy, decaying(1.0)) < 60


def test_it_is_left_sooner_the_faster_it_decays() -> None:
    lives = []
    for slope in (0.1, 0.3, 1.0, 3.0):
        policy = ReferencePolicy()
        policy.begin(bits=BITS, psnr_db=34.0, qp=QP)
        lives.append(life(policy, decaying(slope)))
    assert lives == sorted(lives, reverse=True)
    assert lives[0] > lives[-1]


def test_a_dearer_reference_is_kept_longer() -> None:
    lives = []
    for bits in (1_000, 8_000, 60_000):
        policy = ReferencePolicy()
        policy.begin(bits=bits, psnr_db=34.0, qp=QP)
        lives.append(life(policy, decaying(0.4)))
    assert lives == sorted(lives)
    assert lives[0] < lives[-1]


def test_a_reference_has_a_minimum_life(policy: ReferencePolicy) -> None:
    assert life(policy, [5.0] * LONG) >= 5


def test_a_blink_does_not_buy_a_picture(policy: ReferencePolicy) -> None:
    assert life(policy, [34.0] * 20 + [31.0] + [34.0] * 20) > 41


def test_what_frames_cost_is_learnt_from_the_references_left() -> None:
    """In a call whose every reference decays fast, the same loss is worth less than in a calm one."""
    lives = []
    for slope in (0.05, 2.0):
        policy = ReferencePolicy()
        for _ in range(4):
            policy.begin(bits=BITS, psnr_db=34.0, qp=QP)
            for psnr_db in decaying(slope)[:12]:
                policy.frame(psnr_db, bits=FRAME_BITS, qp=QP)
        policy.begin(bits=BITS, psnr_db=34.0, qp=QP)
        lives.append(life(policy, decaying(0.5)))
    assert lives[0] < lives[1]


def test_a_reference_begun_twice_counts_once(policy: ReferencePolicy) -> None:
    """A keyframe forced right after another one leaves no frame behind to learn from."""
    policy.begin(bits=BITS, psnr_db=34.0, qp=QP)
    assert life(policy, [34.0] * LONG) > LONG


@pytest.mark.parametrize("qp", [18, 24])
def test_what_a_keyframe_took_does_not_keep_a_picture_that_no_longer_fits(qp: int) -> None:
    """It falls at once and then stays bad, as where a head shakes: the first one was dear, the next need not be."""
    policy = ReferencePolicy()
    policy.begin(bits=25_000, psnr_db=34.0, qp=qp, keyframe=True)
    for psnr_db in (28.0, 24.0, 22.0, 20.0, 19.0):
        policy.frame(psnr_db, bits=FRAME_BITS, qp=qp)
    policy.begin(bits=5_000, psnr_db=31.0, qp=qp)
    assert life(policy, [24.0, 21.0] + [19.0] * LONG) < 25
