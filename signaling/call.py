"""Signaling, call: two ends in a room negotiate one WebRTC connection, and learn when it is over.

    while True:
        pc = RTCPeerConnection(ice_configuration(stun=...))
        channels = offer_channels(pc)               # or accept_channels, and tracks
        call = await connect_peer(pc, client)       # waits for the other end; PeerGone: try again with a new pc
        ...                                         # use the channels, while `await call.ended()` runs
        await call.close()

The sender offers as soon as the receiver is in the room, the receiver answers (RFC 8829). aiortc puts all its
candidates into the SDP; those that another implementation trickles are taken as they come. The call goes on when the
way to the server breaks: what ends it is a bye, the other end leaving the room or coming back as a new one, or the
connection itself (DTLS closing, at once; ICE consent, RFC 7675, half a minute after the other end fell silent). Where
nothing has come for two seconds but both can reach the server, the end that offers calls anew, with a new connection.
"""

import asyncio
import logging
import math
import secrets
from collections.abc import Callable, Sequence

from aiortc import RTCIceServer, RTCPeerConnection

from signaling.backoff import Retries
from signaling.errors import PeerGone, SignalingError
from signaling.line import SignalingLine
from signaling.printable import printable
from signaling.protocol.messages import Answer, Bye, Candidate, Message, Offer, PeerJoined, PeerLeft, Welcome
from signaling.reading import Reading
from signaling.transport.connection import MAX_CANDIDATES, add_candidate, answer, apply_description, close_connection
from signaling.transport.diagnosis import why_no_way
from signaling.transport.insides.sockets import way_of
from signaling.transport.silence import DEAD_S, LOOK_S, Silence, packets_received
from signaling.transport.trim import trimmed

__all__ = ["Call", "connect_peer", "peer_present"]

_log = logging.getLogger(__name__)

_SIGN_S = 1.0  # between two signs of the end that answers
_OFFER_AGAIN_S, _OFFER_LATEST_S = 6.0, 12.0  # half of each at least: an offer takes a thin line half a second
_BROKEN = {"failed": "the connection to the other end broke", "closed": "the other end closed the connection"}


class Call:
    """One connection to one other end; made by `connect_peer`."""

    def __init__(self, pc: RTCPeerConnection, client: SignalingLine, *, servers: Sequence[RTCIceServer] = ()) -> None:
        self._servers = servers
        self.pc = pc
        self.name = ""  # of the attempt, in its messages
        self.peer = ""  # the other end
        self._client = client
        self._is_over = False
        self._candidates = 0  # trickled so far
        self._change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = Reading(client)
        self.probe: Callable[[], None] = lambda: None  # asks the other end for a sign of life
        self.news: Callable[[str], None] = lambda text: None  # told when nothing comes any more, and when it does
        self._is_silent = False
        self._silent_since_s = math.inf
        self._reaches_server = False  # over a line made since it fell silent
        self._signed_s = -math.inf  # when the end that answers said that it is there, and hears nothing
        pc.on("connectionstatechange", self._on_change)

    async def ended(self) -> str:
        """Waits until the call is over, and returns why in a few words.

        Somebody has to wait here as long as the call lasts: this is what reads the line to the server.
        """
        listening = asyncio.ensure_future(self._listen())
        try:
            reason = await self._over()
        finally:
            listening.cancel()
        assert reason is not None
        self._is_over = True
        return reason

    async def close(self, reason: str = "") -> None:
        """Hangs up, unless the other end did, and closes the connection. The line to the server stays."""
        if not self._is_over and self.name:
            self._is_over = True
            try:
                await self._client.send(Bye(reason[:256], self.name), mend=False)
            except SignalingError as error:
                _log.debug("no bye: %s", error)
        await close_connection(self.pc)

    async def negotiate(self, timeout_s: float) -> None:
        """Offers or answers, and waits for the connection. Raises PeerGone, or what the line to the server raises."""
        if self._client.role == "sender":
            await self._offer()
        else:
            await self._answer()
        self.peer = self._client.peer
        try:
            async with asyncio.timeout(timeout_s):
                reason = await self._over(until="connected")
        except TimeoutError:
            reason = await why_no_way(self._servers)
            raise PeerGone(f"no connection to the other end within {timeout_s:g} s: {reason}") from None
        if reason is not None:
            raise PeerGone(reason)

    async def _listen(self) -> None:
        """Watches whether anything comes. Where nothing does, the line to the server is made anew: if that works, the
        network is there, and the way between the ends is what has gone. The end that answers calls then says so, with a
        candidate that is none, and the end that offers, if it hears nothing either, calls anew."""
        silence, signed_s = Silence(lambda: self.probe()), -math.inf
        if (way := way_of(self.pc)) is not None:
            self.news(f"the call goes {way}")
        while True:
            await asyncio.sleep(LOOK_S)
            packets, now_s = await packets_received(self.pc), asyncio.get_running_loop().time()
            was_silent, self._is_silent = self._is_silent, silence.see(packets, now_s=now_s)
            if self._is_silent and not was_silent:
                self._silent_since_s = silence.since_s
                self.news(f"nothing has come from the other end for {DEAD_S:g} s: looking for another way to it")
                await self._client.renew()
            if self._has_lost_its_way:
                self._on_change()
            elif self._is_silent and self._reaches_server and self._client.role == "receiver":
                if now_s - signed_s >= _SIGN_S:  # the other end's line may be in the making just now
                    signed_s = now_s
                    await self._client.send(Candidate("", call=self.name))
            elif was_silent and not self._is_silent:
                self._reaches_server = False
                self.news("the other end is heard again")

    @property
    def _has_lost_its_way(self) -> bool:
        """Whether both ends hear nothing of each other, while both reach the server."""
        return self._is_silent and self._signed_s >= self._silent_since_s

    async def _offer(self) -> None:
        """Offers to whoever comes into the room, until one answers; again where nobody does: a line may be dead."""
        try:
            await self._offer_until_answered()
        finally:
            await self._reading.stop()

    async def _offer_until_answered(self) -> None:
        joined, pauses = bool(self._client.peer), Retries(first_s=_OFFER_AGAIN_S, longest_s=_OFFER_LATEST_S)
        message: Message | None = None
        while True:
            if joined:
                self.name = secrets.token_hex(8)
                pauses.succeeded()
                if self.pc.signalingState == "stable":
                    await self.pc.setLocalDescription()
            if joined or (message is None and self.name and self._client.peer):
                await self._client.send(Offer(trimmed(self.pc.localDescription.sdp), self.name))
            message = await self._reading.within(pauses.pause_s())
            joined = isinstance(message, PeerJoined) or (isinstance(message, Welcome) and message.peer_present)
            if isinstance(message, Answer) and message.call in (self.name, ""):
                await apply_description(self.pc, message.sdp, "answer")
                return

    async def _answer(self) -> None:
        """Waits for an offer and answers it."""
        while not isinstance(message := await anext(self._client), Offer):
            pass
        self.name = message.call
        await apply_description(self.pc, message.sdp, "offer")
        await self._client.send(Answer(trimmed(await answer(self.pc)), self.name))

    async def _over(self, *, until: str | None = None) -> str | None:
        """Heeds messages until the call is over, and says why; None when the connection is `until` before."""
        try:
            while True:
                if self._change.done():
                    self._change = asyncio.get_running_loop().create_future()
                state = self.pc.connectionState
                if state == until:
                    return None
                if state in _BROKEN:
                    return _BROKEN[state]
                if self._has_lost_its_way:
                    return "the way to the other end has gone; calling it anew"
                message = await self._next()
                reason = await self._heed(message) if message is not None else None
                if reason is not None:
                    return reason
        finally:
            await self._reading.stop()

    async def _next(self) -> Message | None:
        """The next message, or None when the connection changed. Without a line to the server, only the latter."""
        try:
            return await self._reading.next(self._change)
        except SignalingError as error:
            _log.warning("the call goes on without signaling: %s", error)
        await asyncio.wait((self._change,))
        return None

    def _on_change(self) -> None:
        if not self._change.done():
            self._change.set_result(None)

    async def _heed(self, message: Message) -> str | None:
        """Takes one message of a call that is being set up or running; why the call is over, if it is."""
        match message:
            case Bye(reason, call) if call in (self.name, ""):
                return printable(f"the other end hung up: {reason}" if reason else "the other end hung up")
            case PeerLeft():
                return "the other end left"
            case PeerJoined(peer=peer) if peer != self.peer:
                return "the other end came back as a new one"
            case Welcome(peer=peer) if peer not in ("", self.peer):
                return "the other end came back as a new one"
            case Welcome() if self._is_silent:
                self._reaches_server = True
            case Candidate(candidate="", call=call) if call == self.name and self._client.role == "sender":
                self._signed_s = asyncio.get_running_loop().time()
            case Offer(call=call) if call == self.name:
                return None  # again, because our answer was not there yet
            case Offer():
                self._client.put_back(message)
                return "the other end calls anew"
            case Candidate(call=call) if call in (self.name, "") and self._candidates < MAX_CANDIDATES:
                self._candidates += 1
                await add_candidate(self.pc, message)
        return None


async def peer_present(client: SignalingLine) -> str:
    """Waits until another end is in the room; its name. Raises what the line to the server raises."""
    while not client.peer:
        await anext(client)
    return client.peer


async def connect_peer(
    pc: RTCPeerConnection,
    client: SignalingLine,
    *,
    timeout_s: float = 30.0,
    servers: Sequence[RTCIceServer] = (),
) -> Call:
    """Connects `pc` to the other end in the client's room; waits for it without limit, then `timeout_s` for the way.

    `servers` are those that `pc` was made with: where no way is found, they are asked why. `pc` has its channels and
    tracks already, and serves for one call: when this raises it is closed. Raises PeerGone
    when the other end leaves meanwhile or cannot be reached, MediaRefused when it declines some of what is offered (try
    a `pc` without that), and Unreachable, RoomError, TokenError as the client does.
    """
    call = Call(pc, client, servers=servers)
    try:
        await call.negotiate(timeout_s)
    except BaseException:
        await close_connection(pc)
        raise
    return call
