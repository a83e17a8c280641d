"""Keypoints and H.264 in one call over the in-memory channels: one picture goes on, whichever carries it."""

import asyncio
from itertools import pairwise
from typing import Any

from signaling.protocol.messages import (
    KeyframeRequest,
    ModeSwitch,
    QualityReport,
)

STEP = 3600


def test_the_mode_switches_without_a_hole_and_back(virtual: Any, toys: Any) -> None:
    async def call() -> Any:
        video = toys.Video()
        ends = toys.Ends(video=video)
        ends.sender.bundle = 1

        async def show() -> None:
            await ends.sender.film(50)
            ends.sender.say(ModeSwitch(mode="h264", pts=50 * STEP))
            await asyncio.sleep(0.2)
            await video.film(50)
            ends.sender.say(ModeSwitch(mode="keypoints", pts=100 * STEP))
            ends.sender.frame += 55
            ends.sender.send_reference()
            await ends.sender.film(50)

        await ends.run_during(ends.receiver, show())
        return ends

    ends = virtual(call())
    kinds = [picture.kind for picture in ends.shown]
    assert kinds == sorted(kinds[:60], reverse=True) + kinds[60:]
    assert kinds.count("h264") == 50
    assert ends.figures[-1]["changes"] == 2
    assert max(b.shown_us - a.shown_us for a, b in pairwise(ends.shown)) < 400_000


def test_h264_takes_over_by_itself_when_keypoints_stop(virtual: Any, toys: Any) -> None:
    async def call() -> Any:
        video = toys.Video()
        ends = toys.Ends(video=video)

        async def show() -> None:
            ends.sender.say(ModeSwitch(mode="compare", pts=0))
            async with asyncio.TaskGroup() as group:
                group.create_task(video.film(150))
                group.create_task(ends.sender.film(50))

        await ends.run_during(ends.receiver, show())
        return ends

    ends = virtual(call())
    assert ends.shown[-1].kind == "h264"
    assert max(b.shown_us - a.shown_us for a, b in pairwise(ends.shown)) <= 800_000
    assert sum(picture.kind == "h264" for picture in ends.shown) >= 70


def test_an_h264_call_that_shows_nothing_asks_for_a_key_picture(virtual: Any, toys: Any) -> None:
    async def call(*, flows: bool) -> int:
        video = toys.Video()
        ends = toys.Ends(video=video)
        ends.sender.send_reference = lambda: None  # type: ignore[method-assign]

        async def show() -> None:
            ends.sender.say(ModeSwitch(mode="h264", pts=0))
            await asyncio.sleep(0.1)
            await (video.film(125) if flows else asyncio.sleep(5))

        await ends.run_during(ends.receiver, show())
        return len(ends.sender.of(KeyframeRequest))

    assert virtual(call(flows=True)) == 1
    assert virtual(call(flows=False)) >= 4


def test_early_h264_pictures_are_recorded_once_their_time_is_known(virtual: Any, toys: Any) -> None:
    async def call() -> list[int]:
        video = toys.Video()
        ends = toys.Ends(video=video)
        recorded: list[int] = []
        ends.receiver.watch(lambda picture: recorded.append(picture.pts), every=True)

        async def show() -> None:
            await video.film(10)
            figures = {"h264_origin_pts": 100.0 * STEP}
            ends.sender.say(
                QualityReport(pts=0, keypoints_psnr_db=None, h264_psnr_db=None, mode="h264", figures=figures)
            )
            await asyncio.sleep(0.1)
            await video.film(10)

        await ends.run_during(ends.receiver, show())
        return recorded

    assert virtual(call()) == [number * STEP for number in range(100, 120)]
