"""A face made of points, without anyone's picture."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.quality.face_mesh import (
    EYE_CORNERS,
    MOUTH_CORNERS,
    NOSE_TIP,
    OUTER_EYE_CORNERS,
    POINTS,
)

FACE = 20  # half the width of the white square
INTEROCULAR = 1.5 * FACE


@pytest.fixture(scope="session")
def template() -> NDArray[np.float64]:
    """478 places about (0, 0): within a box of twice FACE, the named points where a face has them."""
    points = np.random.default_rng(7).uniform(-FACE, FACE, (POINTS, 2))
    points[2:4] = (-FACE, -FACE), (FACE, FACE)
    points[list(OUTER_EYE_CORNERS)] = (-INTEROCULAR / 2, -5), (INTEROCULAR / 2, -5)
    points[[corner for corner in np.ravel(EYE_CORNERS) if corner not in OUTER_EYE_CORNERS]] = (-5, -5), (5, -5)
    points[list(MOUTH_CORNERS)] = (-6, 12), (6, 12)
    points[NOSE_TIP] = 0, 3
    points[[13, 14]] = (0, 10), (0, 13)
    points[[159, 145, 386, 374]] = (-10, -7), (-10, -4), (10, -7), (10, -4)
    points[[468, 473]] = (-10, -5), (10, -5)
    return points
