"""Stage 10, display (as judged): what was measured of a decoded clip's face, frame by frame."""

from dataclasses import dataclass

import numpy as np

from benchmarks.quality.expression import Track


@dataclass(frozen=True, slots=True, eq=False)
class FaceFrames:
    """Each (T,), one number a frame; NaN where the original shows no sure face, or where it was not measured.

    Apertures and errors are those of `expression.py`, windows those of `windows.py`; MSE is of 8-bit RGB samples.
    """

    interocular: Track  # of the original, pixels
    mouth_original: Track  # aperture, inter-ocular distances
    mouth_decoded: Track
    eyes_original: Track
    eyes_decoded: Track
    gaze_percent: Track  # of the eye's width
    lips_percent: Track  # of the inter-ocular distance, as are the next two
    lids_percent: Track
    landmark_percent: Track  # all points
    mouth_mse: Track
    eyes_mse: Track
    mouth_lpips: Track  # NaN without LPIPS' networks
    eyes_lpips: Track
    identity: Track  # cosine; NaN without the recognition network, and on the frames that it did not look at

    @property
    def without_face(self) -> int:
        """Frames that show no sure face."""
        return int(np.isnan(self.landmark_percent).sum())


def mean_of_known(track: Track) -> float | None:
    """Over the frames that have a number; None where none has."""
    known = track[~np.isnan(track)]
    return float(known.mean()) if len(known) else None
