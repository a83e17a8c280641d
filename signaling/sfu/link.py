"""Stage 6, SFU link: one connection to Janus, from its description to its end."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Sequence

from aiortc import RTCIceServer, RTCPeerConnection

from signaling.errors import PeerGone, SignalingError, Unreachable
from signaling.programs.ends import first_error
from signaling.protocol.messages import Candidate
from signaling.sfu.janus_message import JanusMessage
from signaling.sfu.session import Handle
from signaling.transport.connection import MAX_CANDIDATES, add_candidate, close_connection
from signaling.transport.diagnosis import why_no_way
from signaling.transport.insides.internals import bytes_on_their_way
from signaling.transport.silence import packets_received

__all__ = ["Link", "linked"]

CONNECT_S = 30.0
_LOOK_S, _SILENT_S = 1.0, 6.0
_CLOSE_S = 1.0
_BROKEN = {"failed": "the connection to Janus broke", "closed": "Janus closed the connection"}


class Link:
    """One connection and the handle that it stands for. Made by `linked`, which listens for its end."""

    def __init__(self, pc: RTCPeerConnection, handle: Handle, servers: Sequence[RTCIceServer]) -> None:
        self.pc, self.handle = pc, handle
        self._servers = servers
        self._candidates = 0
        self._up, self._over = asyncio.Event(), asyncio.Event()
        self._why = ""
        pc.on("connectionstatechange", self._on_state)

    async def connected(self, timeout_s: float = CONNECT_S) -> None:
        """Waits until there is a way. Raises PeerGone with the reason why there is none."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            reason = await why_no_way(self._servers)
            raise PeerGone(f"no connection to Janus within {timeout_s:g} s: {reason}") from None
        if self._over.is_set():
            raise PeerGone(self._why)

    async def ended(self) -> str:
        """Waits until it is over, and says why."""
        await self._over.wait()
        return self._why

    def end(self, why: str) -> None:
        """It is over, for whatever reason."""
        self._why = self._why or why
        self._over.set()
        self._up.set()

    async def gathered(self) -> None:
        """Our candidates are all in the description that was sent."""
        await self.handle.trickle({"completed": True})

    async def listen(self) -> None:
        """Heeds what Janus says of the connection, until the session ends."""
        try:
            while True:
                await self._heed(await self.handle.event())
        except Unreachable as error:
            self.end(str(error))

    async def watch(self) -> None:
        """Ends it where nothing comes though something is on its way; ICE's own checks take half a minute."""
        before, heard_s, loop = -1, -math.inf, asyncio.get_running_loop()
        while not self._over.is_set():
            packets, now_s = await packets_received(self.pc), loop.time()
            if packets != before or not bytes_on_their_way(self.pc):
                before, heard_s = packets, now_s
            elif now_s - heard_s >= _SILENT_S:
                self.end(f"nothing has come from Janus for {_SILENT_S:g} s")
            await asyncio.sleep(_LOOK_S)

    async def _heed(self, message: JanusMessage) -> None:
        said = message.said or {}
        if message.kind == "trickle" and message.candidate is not None:
            await self._add(message.candidate)
        elif message.kind == "hangup":
            self.end("Janus hung up")
        elif message.kind == "detached" or said.get("videoroom") == "destroyed" or said.get("textroom") == "destroyed":
            self.end("the room was closed")

    async def _add(self, said: object) -> None:
        candidate = said.get("candidate") if isinstance(said, dict) else None
        mid = said.get("sdpMid") if isinstance(said, dict) else None
        if isinstance(candidate, str) and len(candidate) <= 1024 and self._candidates < MAX_CANDIDATES:
            self._candidates += 1
            await add_candidate(self.pc, Candidate(candidate, sdp_mid=mid if isinstance(mid, str) else None))

    def _on_state(self) -> None:
        state = self.pc.connectionState
        if state == "connected":
            self._up.set()
        elif state in _BROKEN:
            self.end(_BROKEN[state])


@contextlib.asynccontextmanager
async def linked(
    pc: RTCPeerConnection, handle: Handle, *, servers: Sequence[RTCIceServer] = (), sends: bool = False
) -> AsyncIterator[Link]:
    """`pc` and `handle` as a link for the length of the block; both are given up after it. `sends`: we mostly do."""
    link = Link(pc, handle, servers)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work()) for work in (link.listen, *([link.watch] if sends else []))]
            try:
                yield link
            finally:
                for task in tasks:
                    task.cancel()
                await close_connection(pc)
                with contextlib.suppress(SignalingError, TimeoutError):
                    async with asyncio.timeout(_CLOSE_S):  # a Janus that does not answer is not waited for
                        await handle.detach()
    except BaseExceptionGroup as failed:
        raise first_error(failed) from None
