"""Stage 10, board: the newest picture of each other end, and when they are shown together as one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from facewire.mesh.speaker import Speaker
from facewire.mesh.tiles import Tile, draw, leaves_a_place
from receiver.picture import Picture
from signaling.transport.costs import Kind

__all__ = ["Board"]

_LEAST_S = 0.033  # between two pictures of several: theirs do not come together
_LOOK_S = 0.1  # between two looks at who speaks


@dataclass(slots=True)
class _Place:
    at: int
    picture: Picture | None = None
    is_held: bool = False  # the picture is an old one


class Board:
    """Shows one other end as it comes, and several as tiles in the order of their places, at most 30 times a second.

    `show` gets what is to be seen; `levels_db` tells how loud each end is heard. `side` is that of a tile, in pixels.
    `hold` is told that the picture of one end alone is an old one; of several the tile says so. `laid_out` is told, as
    ends come and go, whether there is a place left over at the bottom right.
    """

    def __init__(
        self,
        show: Callable[[Picture], None],
        *,
        levels_db: Callable[[], dict[str, float]],
        side: int,
        hold: Callable[[bool], None] = lambda is_held: None,
        laid_out: Callable[[bool], None] = lambda leaves_a_place: None,
    ) -> None:
        self._show, self._levels_db, self._side = show, levels_db, side
        self._hold, self._laid_out = hold, laid_out
        self._places: dict[str, _Place] = {}
        self._speaker: Speaker[str] = Speaker()
        self._changed = asyncio.Event()

    @property
    def speaker(self) -> str | None:
        """Who is marked."""
        return self._speaker.marked

    def enter(self, name: str, *, at: int) -> None:
        """An end has come, to the place that is counted so; there is no picture of it yet."""
        if name not in self._places:
            self._places[name] = _Place(at)
            self._lay_out()

    def leave(self, name: str) -> None:
        """An end has gone, and its tile with it; the last one's picture stays."""
        if self._places.pop(name, None) is not None:
            self._lay_out()

    def take(self, name: str, picture: Picture) -> None:
        """A picture that is due."""
        if (place := self._places.get(name)) is None:
            return
        place.picture, place.is_held = picture, False
        if len(self._places) == 1:
            self._show(picture)
        else:
            self._changed.set()

    def hold(self, name: str, is_held: bool) -> None:
        """Nothing newer comes from an end, or it does again."""
        if (place := self._places.get(name)) is None or place.is_held == is_held:
            return
        place.is_held = is_held
        if len(self._places) == 1:
            self._hold(is_held)
        else:
            self._changed.set()

    async def run(self) -> None:
        """Shows tiles whenever one of them has changed, until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            while True:
                await self._changed.wait()
                self._changed.clear()
                if (picture := self._tiles()) is not None:
                    self._show(picture)
                    self._hold_alone()
                    await asyncio.sleep(_LEAST_S)

    def _hold_alone(self) -> None:
        """Who is left alone may have been held before."""
        if len(self._places) == 1 and any(place.is_held for place in self._places.values()):
            self._hold(True)

    def _lay_out(self) -> None:
        self._laid_out(leaves_a_place(len(self._places)))
        self._changed.set()

    async def _look(self) -> None:
        while True:
            before = self._speaker.marked
            now_s = asyncio.get_running_loop().time()
            if self._speaker.see(self._levels_db(), now_s=now_s) != before:
                self._changed.set()
            await asyncio.sleep(_LOOK_S)

    def _tiles(self) -> Picture | None:
        """All of them as one picture; of a single one its own, and None while there is none at all."""
        in_order = sorted(self._places.items(), key=lambda one: one[1].at)
        pictures = [place.picture for _, place in in_order if place.picture is not None]
        if not pictures:
            return None
        newest = max(pictures, key=lambda picture: picture.shown_us)
        if len(in_order) == 1:
            return newest
        tiles = [
            Tile(
                None if place.picture is None else place.picture.rgb(),
                speaks=name == self._speaker.marked,
                is_held=place.is_held,
            )
            for name, place in in_order
        ]
        kind: Kind = "h264" if all(picture.kind == "h264" for picture in pictures) else "keypoints"
        now_us = round(asyncio.get_running_loop().time() * 1e6)
        return Picture(kind, pts=newest.pts, shown_us=now_us, source=draw(tiles, side=self._side))
