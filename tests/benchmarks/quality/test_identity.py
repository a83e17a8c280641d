"""Stage 10, display (as judged): how a face is aligned for the recognition network."""

import cv2
import numpy as np

from benchmarks.quality.identity import PLACES, align, similarity

SIDE = 256


def test_a_similarity_is_recovered() -> None:
    source = np.random.default_rng(9).normal(size=(5, 2))
    matrix = np.array([[1.2, -0.5, 7.0], [0.5, 1.2, -3.0]])
    np.testing.assert_allclose(similarity(source, source @ matrix[:, :2].T + matrix[:, 2]), matrix, atol=1e-12)


def test_alignment_brings_the_five_points_to_their_places() -> None:
    turn = np.array([[1.9, -0.6], [0.6, 1.9]])
    points = PLACES @ turn.T + (70, 20)
    for point, place in zip(points, PLACES, strict=True):
        picture = np.zeros((SIDE + 100, SIDE + 100, 3), np.uint8)
        cv2.circle(picture, tuple(map(int, np.rint(point))), 5, (255, 255, 255), -1)
        ys, xs = np.nonzero(align(picture, points)[..., 0] > 128)
        np.testing.assert_allclose([xs.mean(), ys.mean()], place, atol=0.7)
