"""Stage 4, reference quality: at which quality index, and how slowly, references are coded."""

import math

from codec.config import Tune

MAX_CRF = 63
_CRF_HALVING, _COARSER_CRF = 14.0, 5  # steps of crf that halve a picture, and the most that a budget adds
_CRF = 55.4  # AV1's quality index for references at qp 32
# Of intra references against the others, in AV1 qindex: later ones take what still holds from the keyframe, and where
# nothing does, the face moves so much that most of the error is the warp's. A keyframe stays near 1 kB at 256x256.
INTRA_OFFSET = -26
REFERENCE_PRESETS = {"realtime": 4, "best": 2}  # of SVT-AV1; 2 takes three times as long for 5 % fewer bits


# What tuning adds to the qp of references. Finer ones look more like the person, are sent less often, and leave more to
# the warp: docs/quality.md has what that trades.
TUNES: dict[Tune, int] = {"psnr": 0, "perceptual": -10}


def reference_crf(qp: int) -> int:
    """The AV1 quality index for references."""
    return min(MAX_CRF, max(20, round(_CRF + (qp - 32) * 0.6)))


def coarser_crf(crf: int, *, by: float) -> int:
    """The quality index at which an intra picture takes about `by` times fewer bits, as far as it still looks well."""
    return min(MAX_CRF, crf + min(_COARSER_CRF, max(1, round(_CRF_HALVING * math.log2(by)))))
