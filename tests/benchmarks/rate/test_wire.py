"""Stage 6, transport (as counted): the packet model by hand."""

from signaling.transport.costs import Wire, messages_on_wire, rtp_on_wire


def test_the_packet_model() -> None:
    assert messages_on_wire([10, 30]) == Wire(out=10 + 30 + 2 * 93, back=2 * 93)
    assert rtp_on_wire([10, 1160, 1161]) == Wire(out=10 + 1160 + 1161 + 4 * 50, back=0)
    assert messages_on_wire([]) == rtp_on_wire([]) == Wire(0, 0)
