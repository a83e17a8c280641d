"""Bumps: as the exponential function has them where they count, and no number that processors are slow with."""

import numpy as np

from codec.motion.gaussian import gaussian


def test_it_is_the_gaussian_within_reach() -> None:
    distance = np.linspace(-4.4, 4.4, 501, dtype=np.float32)
    np.testing.assert_allclose(gaussian(distance), np.exp(-(distance**2)), rtol=1e-5)


def test_neither_it_nor_a_product_is_subnormal() -> None:
    distance = np.linspace(-30, 30, 4001, dtype=np.float32)
    assert (np.exp(-(distance**2)) < np.finfo(np.float32).tiny).any()  # or this shows nothing
    bump = gaussian(distance)
    products = np.multiply.outer(bump, bump)
    for numbers in (bump, products, products * np.float32(1e-3)):
        assert ((numbers == 0) | (numbers >= np.finfo(np.float32).tiny)).all()


def test_doubles_become_floats() -> None:
    assert gaussian(np.zeros((2, 3), np.float64)).dtype == np.float32
