"""Stages 1 and 10, sound: how loud it is, as meters tell it."""

import math

__all__ = ["QUIET_DB", "level_db"]

QUIET_DB = -90.0  # what a level is at least


def level_db(power: float) -> float:
    """A mean square of samples in -1..1 as decibels against full scale."""
    return max(QUIET_DB, 10 * math.log10(power)) if power > 0 else QUIET_DB
