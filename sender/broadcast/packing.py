"""Stage 5, packing for several: a bundle's motion is written once, whoever it goes to."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace

from codec.bits.packet import MotionMessage
from sender.transmit import Bundles

__all__ = ["SharedBundles"]

_KEPT = 4  # bundles: a viewer whose line is full takes one a little later than the others


class SharedBundles:
    """Bundles for the transmitters of several viewers: each message differs in its sequence number alone."""

    def __init__(self, bundles: Callable[[], Bundles]) -> None:
        self._bundles = bundles
        self._packed: OrderedDict[tuple[tuple[bytes, ...], int], list[MotionMessage]] = OrderedDict()
        self.packed = 0  # bundles that were written

    def messages(self, frames: Sequence[bytes], *, first_sequence: int, limit: int) -> list[MotionMessage]:
        """The motion halves of one bundle as messages."""
        key = tuple(frames), limit
        messages = self._packed.get(key)
        if messages is None:
            messages = self._packed[key] = self._bundles().messages(frames, first_sequence=0, limit=limit)
            self.packed += 1
            if len(self._packed) > _KEPT:
                self._packed.popitem(last=False)
        return [
            replace(message, sequence=(first_sequence + index) % (1 << 16)) for index, message in enumerate(messages)
        ]
