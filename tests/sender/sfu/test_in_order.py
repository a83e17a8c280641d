"""Tests of a sender whose messages all arrive, in one order, at receivers that confirm nothing."""

from typing import Any

import pytest

from sender.sfu.program import ALL_VIEWERS
from signaling.protocol.messages import Capabilities, KeyframeRequest, ModeSwitch, QualityReport
from signaling.sfu.mux import LONGEST, Kind, Multiplexer
from signaling.transport.channels import Channels


def forwarded(channels: Channels) -> Channels:
    """All channels in one, as through an SFU."""
    multiplexer = Multiplexer(channels.control)
    return multiplexer.channels(control=multiplexer.channel(Kind.CONTROL), flying=lambda: None, extra=lambda: 0)


async def test_references_are_used_half_a_second_after_they_have_left(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock)
    session.through = forwarded
    session.encoder.reference_every = 2
    async with session.call() as (_, far, _):
        far.say(ALL_VIEWERS)
        used = []
        for _ in range(17):  # one each 40 ms, each second with a reference
            await session.picture()
            used.append([call[1] for call in session.encoder.calls if call[0] == "acknowledge"])
        whole = [await far.references.get() for _ in range(9)]
    assert used[12:] == [[], [], [0], [0], [0, 1]]
    assert [data[0] for data in whole] == [ord("R")] * 9
    assert max(map(len, whole)) > LONGEST  # in pieces, each with its byte in one packet


async def test_who_comes_later_is_told_who_sends_and_its_clock(
    fakes: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sender.report._REPORT_S", 0.001)
    session = fakes.Session(clock)
    session.through = forwarded
    async with session.call() as (sender, far, _):
        far.say(ALL_VIEWERS)
        await session.picture(2)
        assert (await far.hear(QualityReport)).figures["pts_origin_us"]
        far.control.clear()
        sender.introduce()
        far.say(KeyframeRequest("viewers"))
        await session.picture(20)
        assert (await far.hear(Capabilities)).end == "sender"
        assert (await far.hear(ModeSwitch)).mode == "keypoints"
        assert (await far.hear(QualityReport)).figures["pts_origin_us"]
    assert session.encoder.calls.count("keyframe") == 2
