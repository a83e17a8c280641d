"""Stage 10, showing: where pictures of both codecs wait for their time, which is that of the sound heard."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from codec.units import Image, pts_to_us
from receiver.control import Control
from receiver.due_pictures import Due, Ready
from receiver.motion.playout import Playout
from receiver.outlet import Outlet
from receiver.picture import MAX_WAITING_BYTES, Picture, Waiting
from receiver.sound import SoundPlayout

__all__ = ["InStep", "Showing"]

CAPACITY = 64  # pictures
LONGEST_HELD_US = 1_000_000  # sound is never so late: whoever asks for more means another time line


class InStep:
    """Decoded pictures until the sound of their moment is heard, all of them in their order. Pure: the clock comes in.

    `follow` tells what the clock is ahead of time stamps; without it, and where it asks for more than a second, they
    are due at once. At most 64 wait, and `MAX_WAITING_BYTES`. Where the pictures are so large that fewer fit than come
    while one waits, they are thinned out evenly as they come; only a burst has the oldest give way. Both are counted in
    `dropped`.
    """

    def __init__(self) -> None:
        self._waiting = Waiting(CAPACITY)
        self._newest_pts: int | None = None
        self._offset_us: int | None = None
        self.dropped = 0

    def follow(self, offset_us: int | None) -> None:
        """Pictures are due at their time stamps plus this, those too that wait already; None: at once."""
        self._offset_us = offset_us

    def add(self, picture: Picture) -> None:
        """Takes a picture whose `shown_us` is when it was decoded."""
        if self._has_room(picture):
            self._newest_pts = picture.pts
            self.dropped += self._waiting.append(picture)
        else:
            self.dropped += 1

    def _has_room(self, picture: Picture) -> bool:
        """Whether it is so far from the one before it that all that wait as long as it does can be held."""
        if self._newest_pts is None or self._waiting.first is None:
            return True
        fit = min(CAPACITY, max(2, MAX_WAITING_BYTES // max(1, picture.source.nbytes))) - 1
        apart_us = pts_to_us(picture.pts - self._newest_pts)
        return apart_us <= 0 or apart_us * fit >= self._due_us(picture) - picture.shown_us

    def _due_us(self, picture: Picture) -> int:
        due_us = picture.shown_us if self._offset_us is None else pts_to_us(picture.pts) + self._offset_us
        return due_us if due_us - picture.shown_us <= LONGEST_HELD_US else picture.shown_us

    @property
    def due_us(self) -> int | None:
        """When the next picture is to be shown; None when none waits."""
        first = self._waiting.first
        return None if first is None else self._due_us(first)

    def take(self, *, now_us: int) -> Picture | None:
        """The next picture, if it is due: a recording misses none."""
        due_us = self.due_us
        return self._waiting.popleft() if due_us is not None and due_us <= now_us else None


class Showing:
    """Owns what waits to be shown. Where sound is heard its clock times both codecs' pictures."""

    def __init__(
        self,
        outlet: Outlet,
        control: Control,
        *,
        playout: Playout[Any],
        sound: SoundPlayout,
        now_us: Callable[[], int],
    ) -> None:
        self._outlet, self._control = outlet, control
        self._playout, self._sound, self._now_us = playout, sound, now_us
        self._ready, self._h264 = Ready(), InStep()

    @property
    def due_us(self) -> int | None:
        """When `show_due` will have something to show; None when nothing waits."""
        return min((due for due in (self._ready.due_us, self._h264.due_us) if due is not None), default=None)

    @property
    def dropped(self) -> dict[str, int]:
        """How many pictures were not shown because newer ones were due, or because too many waited."""
        return {"ready": self._ready.skipped, "h264": self._h264.dropped}

    def follow_sound(self) -> None:
        """Sound and pictures wait for each other, and pictures go by the sound that is heard, once there is some."""
        if (origin_us := self._control.pts_origin_us) is not None:
            self._sound.wait_for(self._playout.own_offset_us, pts_origin_us=origin_us)
            offset_us = self._sound.picture_offset_us(origin_us, now_us=self._now_us())
            self._playout.follow(offset_us)
            self._h264.follow(offset_us)

    def add(self, due: Due) -> None:
        """A picture of keypoints, made ahead of its time."""
        self._ready.add(due)
        self.show_due()

    def add_h264(self, elapsed: int, image_rgb: Image) -> None:
        """A decoded picture and its pts since the first packet; untimed until the sender has told when that was."""
        self._control.pictured("h264")
        now_us = self._now_us()
        if (origin := self._control.h264_origin) is None:
            self._outlet.show_untimed(Picture("h264", elapsed, now_us, image_rgb))
            return
        self._outlet.settle_untimed(origin)
        self._h264.add(Picture("h264", elapsed + origin, now_us, image_rgb))
        self.follow_sound()
        self.show_due()

    def show_due(self) -> None:
        """Hands out what is due."""
        now_us = self._now_us()
        if (due := self._ready.take(now_us=now_us)) is not None:
            self._control.pictured("keypoints")
            self._outlet.deliver(Picture("keypoints", due.pts, now_us, due.image_rgb, due.mixed))
        self._deliver_h264(until_us=now_us)

    def finish(self) -> None:
        """At the end of a call: hands out the pictures that wait for their sound, so that recordings hold them."""
        self._h264.follow(None)
        self._deliver_h264(until_us=self._now_us())

    def _deliver_h264(self, *, until_us: int) -> None:
        while (held := self._h264.take(now_us=until_us)) is not None:
            self._outlet.deliver(replace(held, shown_us=self._now_us()))
