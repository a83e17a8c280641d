"""Tests of the receiver as a program for an SFU: how it finds its sender."""

import io
from typing import Any

from rich.console import Console

from receiver.figures.terminal import Terminal
from receiver.options import CallOptions, ReceiverOptions
from receiver.sfu.program import SfuProgram
from signaling.sfu.errors import NoSuchRoom
from signaling.sfu.rooms import Feed


class Room:
    """A VideoRoom in which these are found, one look after the other."""

    def __init__(self, *looks: Any) -> None:
        self._looks = list(looks)

    async def feeds(self) -> list[Feed]:
        found = self._looks.pop(0)
        if isinstance(found, Exception):
            raise found
        return list(found)


async def test_a_viewer_waits_for_a_room_and_for_a_sender_in_it() -> None:
    pauses_s: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses_s.append(seconds)

    options = CallOptions(room="hall", output="null", sfu="janus:ws://10.0.0.1:8188")
    console = Console(record=True, width=120, file=io.StringIO())
    program = SfuProgram(options, ReceiverOptions(), Terminal(console=console), sleep=sleep)
    room: Any = Room(NoSuchRoom("none"), [], [], [], [], [Feed(3, "facewire"), Feed(4, "facewire")])
    assert await program._sender_in(room) == Feed(3, "facewire")
    assert len(pauses_s) == 5
    assert pauses_s[:4] == sorted(pauses_s[:4])  # each twice the one before, drawn from its upper half
    assert max(pauses_s) <= 5.0
    assert console.export_text().count("no sender is there; waiting for one") == 1
