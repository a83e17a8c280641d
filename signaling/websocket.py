"""Signaling, WebSocket: what aiohttp's lets out that its readers need not know of."""

import aiohttp

__all__ = ["next_frame"]


async def next_frame(socket: aiohttp.ClientWebSocketResponse) -> aiohttp.WSMessage:
    """The next frame. One of type CLOSED where the line broke as a ping was being answered, which `receive` raises."""
    try:
        return await socket.receive()
    except ConnectionError:
        return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None)
