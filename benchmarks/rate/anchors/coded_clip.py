"""Stage 4 to 8, as a result: what one codec made of one clip."""

from dataclasses import dataclass

from benchmarks.clips.clip import Pictures
from signaling.transport.costs import Wire


@dataclass(frozen=True, slots=True)
class CodedClip:
    """Decoded pictures and what they cost.

    `keyframe_bytes` is what the first picture needs beyond motion (for an anchor: its keyframe), `reference_bytes` the
    later references, `motion_bytes` all the rest. Their sum is the payload. Where there is more than one keyframe,
    `first_keyframe_bytes` is the first one alone.
    """

    pictures: Pictures
    keyframe_bytes: int
    reference_bytes: int
    motion_bytes: int
    wire: Wire
    encode_ms: float  # per frame
    decode_ms: float
    first_keyframe_bytes: int

    @property
    def payload_bytes(self) -> int:
        return self.keyframe_bytes + self.reference_bytes + self.motion_bytes


def freeze(pictures: Pictures) -> CodedClip:
    """The cheapest codec: frame 0 is there for nothing, and stays."""
    held = pictures[:1].repeat(len(pictures), axis=0)
    return CodedClip(held, 0, 0, 0, Wire(0, 0), 0.0, 0.0, 0)
