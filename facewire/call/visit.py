"""All stages, a visit: one other end, from when it comes into the room until it leaves; one call after another."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from aiortc import RTCConfiguration, RTCPeerConnection

from facewire.call.options import CallOptions
from facewire.call.ways import Alone, Among, Source, Way
from facewire.mesh import FaceMesh
from facewire.mesh.board import Board
from receiver import FaceReceiver
from receiver.destinations import Destinations
from receiver.figures.meter import Figures
from receiver.figures.terminal import Terminal
from receiver.held import in_words
from receiver.picture import Picture
from receiver.sound.mixer import Mixer
from signaling.call import Call, connect_peer
from signaling.hall import Guest
from signaling.retries import Attempts

__all__ = ["House", "Visit"]


_ALONE = ": it is no call, or of a version before calls of several, so nobody else can join"
_WORD_S = 0.5  # channels that close are told before the word of who closed them


@dataclass(frozen=True, kw_only=True)
class House:
    """What all visits share."""

    options: CallOptions
    ice: RTCConfiguration
    source: Source
    mesh: FaceMesh
    mixer: Mixer[str]
    board: Board
    destinations: Destinations
    terminal: Terminal
    saw: Callable[[], None] = lambda: None  # a picture was shown
    began: asyncio.Event = field(default_factory=asyncio.Event)  # the first connection was there
    crowd: asyncio.Event = field(default_factory=asyncio.Event)  # more than one other end is in the room
    somebody: asyncio.Event = field(default_factory=asyncio.Event)  # is in the room, and was connected
    nobody: asyncio.Event = field(default_factory=asyncio.Event)  # is in the room
    silence: asyncio.Event = field(default_factory=asyncio.Event)  # no call is on
    visits: dict[str, "Visit"] = field(default_factory=dict)  # by the end's name

    async def receive(self, guest: Guest) -> None:
        """Somebody has come: calls it for as long as it is in the room. Raises what `Visit.run` raises."""
        visit = self.admit(guest)
        try:
            await asyncio.sleep(0)  # those that are told of at once are all admitted before one of them is called
            await visit.run()
        finally:
            self.dismiss(visit)

    def admit(self, guest: Guest) -> "Visit":
        """Somebody has come. What was a call with one end is one among several from then on."""
        taken = {visit.place for visit in self.visits.values()}
        place = next(place for place in range(1, len(taken) + 2) if place not in taken)
        visit = self.visits[guest.name] = Visit(guest, self, place=place)
        self.nobody.clear()
        if len(self.visits) > 1:
            self.crowd.set()
        return visit

    def dismiss(self, visit: "Visit") -> None:
        """Somebody has left. Who is alone with the last one afterwards stays as they are, until that call is over."""
        if self.visits.get(visit.name) is visit:  # else it has come back already
            del self.visits[visit.name]
            self.board.leave(visit.name)
        if len(self.visits) < 2:
            self.crowd.clear()
        if not self.visits:
            self.somebody.clear()
            self.nobody.set()

    def see_calls(self) -> None:
        """A call has begun or ended."""
        if any(visit.is_on for visit in self.visits.values()):
            self.silence.clear()
            self.began.set()
            self.somebody.set()
        else:
            self.silence.set()


class Visit:
    """One other end, at its place: 1 for the first, or the first that is free."""

    def __init__(self, guest: Guest, house: House, *, place: int) -> None:
        self.name = guest.name
        self.place = place
        self.figures: Figures | None = None  # of the last second
        self.is_on = False  # a call with it is running
        self._label = ""  # what tells it from others, where there are any
        self._guest, self._house = guest, house

    async def run(self) -> None:
        """Calls the end again and again, for as long as it is in the room and there is something to send.

        Raises what sending and receiving raise, and the line to the server.
        """
        attempts = Attempts(self._guest, say=self._say, waiting="calling it again", shared=True)
        while self._guest.peer and not self._house.source.capture.ended:
            await attempts.make(partial(self._call, made=attempts.made))

    async def _call(self, *, made: Callable[[], None]) -> None:
        """One call, until it is over or has to be made anew. Raises PeerGone where there is no way."""
        house, offers = self._house, self._guest.role == "sender"
        pc = RTCPeerConnection(house.ice)
        among = house.crowd.is_set()
        self._label = f"end {self.place}" if among or self.place > 1 else ""
        way: Way = (
            Among(pc, house.mesh, name=self._label, offers=offers) if among else Alone(pc, house.source, offers=offers)
        )
        self._watch(way.receiver)
        try:
            call = await connect_peer(pc, self._guest, servers=house.ice.iceServers or ())
        except BaseException:
            await way.close()
            raise
        made()
        call.news, call.probe = self._say, way.begin(self._say)
        self._say(f"connected{_ALONE}" if self._guest.is_alone else "connected")
        house.board.enter(self.name, at=self.place)
        house.mixer.add(self.name, way.receiver.sound)
        self.is_on = True
        house.see_calls()
        try:
            reason = await self._talk(call, way, until=None if among else house.crowd)
        finally:
            self.is_on = False
            house.see_calls()
            house.mixer.remove(self.name)
            house.board.hold(self.name, True)
            await way.close()
            await call.close()
            house.terminal.summary(end=self._label)
        if reason is not None:
            self._say(reason)

    async def _talk(self, call: Call, way: Way, *, until: asyncio.Event | None) -> str | None:
        """Until either end has had enough, and why; None where `until` is set before: there are more to talk to."""
        async with asyncio.TaskGroup() as group:
            running = group.create_task(way.run())
            ending = group.create_task(call.ended())
            growing = group.create_task((until or asyncio.Event()).wait())
            await asyncio.wait((running, ending, growing), return_when=asyncio.FIRST_COMPLETED)
            if running.done() and not self._house.source.capture.ended:
                await asyncio.wait([ending], timeout=_WORD_S)
            reason = ending.result() if ending.done() else way.ended if running.done() else None
            await way.close()
            for task in (ending, growing):
                task.cancel()
        return reason

    def _watch(self, receiver: FaceReceiver) -> None:
        house, place = self._house, self.place
        house.destinations.begin(place=place)
        receiver.watch(self._show)
        receiver.watch_meter(self._meter)
        receiver.held.watch(lambda *held: self._say(in_words(*held)))
        receiver.held.watch(lambda is_held, _: house.board.hold(self.name, is_held))
        receiver.watch_refusals(lambda reason: self._say(f"the other end cannot be shown: {reason}"))
        if house.options.record is not None:
            receiver.watch(lambda picture: house.destinations.record(picture, place=place), every=True)
            house.destinations.record_voice(receiver.sound, place=place)

    def _say(self, text: str) -> None:
        self._house.terminal.say(f"{self._label}: {text}" if self._label else text)

    def _show(self, picture: Picture) -> None:
        self._house.board.take(self.name, picture)
        self._house.saw()

    def _meter(self, figures: Figures) -> None:
        self.figures = figures
        house = self._house
        house.terminal.show(figures, end=self._label)
        if house.crowd.is_set():
            house.destinations.meter_several(
                visit.figures for visit in house.visits.values() if visit.figures is not None
            )
        else:
            house.destinations.meter(figures)
