"""What the receiver makes of pictures that cannot be made."""

from typing import Any

import pytest

from receiver.motion.decode import Rendered
from receiver.receive import FaceReceiver
from signaling.transport.memory import memory_pair


def test_pictures_that_cannot_be_made_say_nothing_of_how_long_one_takes(virtual: Any, toys: Any) -> None:
    async def call() -> FaceReceiver:
        here, there = memory_pair(delay_s=0.02)
        decoder = toys.Decoder()
        decoder.render = lambda slot: Rendered(slot, None, "malformed")
        receiver = FaceReceiver(here, worker=toys.Worker(render_s=0.03), decoder=decoder)
        await toys.run_during(receiver, toys.Sender(there).film(100))
        return receiver

    receiver = virtual(call())
    assert receiver.counts["render_malformed"] >= 90
    assert receiver._playout.delay_us / 1000 == pytest.approx(125, abs=1)
