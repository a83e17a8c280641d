"""Stage 10, meter (offline): cores are held while something is measured."""

import os

import pytest

from benchmarks.calls.pinning import pinned
from benchmarks.errors import SettingError


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not pin processes")
def test_cores_are_held_and_given_back() -> None:
    before = os.sched_getaffinity(0)
    with pinned(1) as cores:
        assert os.sched_getaffinity(0) == set(cores)
    assert os.sched_getaffinity(0) == before
    with pytest.raises(SettingError, match=f"may use {len(before)} cores"), pinned(len(before) + 1):
        pass
