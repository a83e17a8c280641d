"""Stage 6, transport: what is done to every connection of aiortc's, once its data channels are there."""

from aiortc import RTCPeerConnection

from signaling.transport.insides.consent import wait_for_consent
from signaling.transport.insides.receipts import spare_receipts
from signaling.transport.insides.timeouts import govern_timeouts

__all__ = ["settle"]


def settle(pc: RTCPeerConnection) -> None:
    """Fewer receipts, timeouts that double, patient checks of consent, from now on; once is enough."""
    spare_receipts(pc)
    govern_timeouts(pc)
    wait_for_consent(pc)
