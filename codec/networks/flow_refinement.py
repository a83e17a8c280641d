"""Stage 9, flow refinement: the warping field as it was coded -> one whose edges are those of what moves.

A field is coded as a few cosines on a 16x16 grid over that of the keypoints, so that it changes slowly even where a
head ends and the wall behind it begins. Here each place at 64x64 chooses, softly, among the field's own values about it
and standing still, as learnt upsampling of optical flow does (Teed and Deng, RAFT, ECCV 2020), by what is seen there:
features of the reference, moved by the field itself. A choice invents no motion: where all is still it stays still,
to the pixel. The occlusion map is corrected beside it. 0.13 GMAC a frame, whatever the size of the call.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.motion.parameters import FLOW_SIZE
from codec.networks.layers import Conv, Residual, full_precision, resize, upsample, warp, zero_convolution

GUIDANCE = 16  # features of the reference at 64x64
_SEEN_SIZE, _CELL = 256, 4  # the reference is seen at 256x256, four pixels a place
_STEP, _RINGS = 3, 2  # from how far values are taken: 3 and 6 places to each side, 24 pixels of 256
_ROW = 2 * _RINGS + 1
CHOICES = _ROW * _ROW + 1  # the last: no motion
_OWN, _TRUST = _ROW * _ROW // 2, 6.0  # a place's own value, and how much the untrained network prefers it
_BOUND = 10.0  # of preferences: an unbounded one can collapse to a place's own value, from where no gradient leads back
_AVERAGED = 9  # places across, which the field is compared with the mean of
_FLOW_SCALE, _EDGE_SCALE = 4.0, 16.0
_SURE = 0.002  # occlusion closer to 0 or 1 has no logit to be corrected


class FlowRefinement(nn.Module):
    """(reference picture, flow, occlusion) -> flow (B, 2, 64, 64), occlusion (B, 1, 64, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.guide = Conv(3 * _CELL * _CELL, GUIDANCE)
        self.enter = Conv(GUIDANCE + 5, 16)
        self.level32 = nn.Sequential(Conv(16, 32, stride=2), Residual(32))
        self.level16 = nn.Sequential(Conv(32, 48, stride=2), Residual(48), Residual(48))
        self.up32 = Conv(48 + 32, 32)
        self.up64 = Conv(32 + 16, 16)
        self.leave = zero_convolution(16, CHOICES + 1)

    def forward(self, reference: Tensor, flow: Tensor, occlusion: Tensor) -> tuple[Tensor, Tensor]:
        """reference (B, 3, S, S) in [0, 1]; flow as in layers.warp; occlusion (B, 1, 64, 64) in [0, 1]."""
        told = self.tell(warp(self.guidance(reference), flow), flow, occlusion)
        with full_precision(flow):
            return choose(told, flow, occlusion)

    def guidance(self, picture: Tensor) -> Tensor:
        """What is to be seen in a reference (B, 3, S, S) in [0, 1], (B, 16, 64, 64): once per reference."""
        seen = functional.pixel_unshuffle(resize(picture, _SEEN_SIZE) * 2 - 1, _CELL)
        return torch.as_tensor(self.guide(seen))

    def tell(self, guidance: Tensor, flow: Tensor, occlusion: Tensor) -> Tensor:
        """What `choose` is to do, (B, 27, 64, 64), from guidance that is moved by the flow already."""
        around = functional.pad(flow, (_AVERAGED // 2,) * 4, mode="replicate")
        edges = flow - functional.avg_pool2d(around, _AVERAGED, 1)
        seen = torch.cat((guidance, flow * _FLOW_SCALE, occlusion, edges * _EDGE_SCALE), 1)
        at64 = self.enter(seen)
        at32 = self.level32(at64)
        hidden = self.up32(torch.cat((upsample(self.level16(at32)), at32), 1))
        told: Tensor = self.leave(self.up64(torch.cat((upsample(hidden), at64), 1)))
        return told.float()


def choose(told: Tensor, flow: Tensor, occlusion: Tensor) -> tuple[Tensor, Tensor]:
    """Each place's choice among the values about it, and the occlusion map as it is corrected."""
    logit = torch.logit(occlusion.float().clamp(_SURE, 1 - _SURE))
    return _chosen(flow.float(), told[:, :CHOICES]), torch.sigmoid(logit + told[:, CHOICES:])


def _chosen(flow: Tensor, preference: Tensor) -> Tensor:
    """preference (B, 26, 64, 64) -> flow (B, 2, 64, 64)."""
    around = functional.pad(flow, (_STEP * _RINGS,) * 4, mode="replicate")
    starts = [(_STEP * row, _STEP * column) for row in range(_ROW) for column in range(_ROW)]
    offered = [around[..., top : top + FLOW_SIZE, left : left + FLOW_SIZE] for top, left in starts]
    trust = torch.zeros(CHOICES, device=flow.device)
    trust[_OWN] = _TRUST
    bounded = _BOUND * torch.tanh(preference / _BOUND)
    shares = torch.softmax(bounded + trust.view(1, -1, 1, 1), 1)
    return (shares[:, :, None] * torch.stack([*offered, torch.zeros_like(flow)], 1)).sum(1)
