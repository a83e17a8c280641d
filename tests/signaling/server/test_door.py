"""Tests of signaling.server.door: connections that say nothing, from one address and from many."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from signaling.errors import BindError
from signaling.protocol.messages import Welcome
from signaling.server import SignalingServer, listening
from signaling.server.door import listeners

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Awaitable[Streams]]]:
    """Opens TCP connections to a server's URL that say `data` and nothing else."""
    opened: list[asyncio.StreamWriter] = []

    async def connect(url: str, data: bytes = b"", *, host: str = "127.0.0.1") -> Streams:
        port = int(url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0))
        opened.append(writer)
        writer.write(data)
        return reader, writer

    yield connect
    for writer in opened:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def is_shown_out(streams: Streams) -> bool:
    """Waits for the server to end the connection."""
    with contextlib.suppress(ConnectionError):
        await streams[0].read()
    return True


async def health(url: str) -> dict[str, int]:
    async with aiohttp.ClientSession() as session, session.get(url.replace("ws:", "http:") + "/health") as response:
        answer: dict[str, int] = await response.json()
        return answer


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 50,
        b"POST / HTTP/1.1\r\nHost: h\r\n",
    ],
)
async def test_a_connection_that_says_too_little_is_shown_out_in_time(start_server, connect, data: bytes) -> None:
    running = await start_server(hello_s=10.0)
    silent = await connect(running.url, data)
    assert await health(running.url) == {"status": "ok", "rooms": 0, "ends": 0}
    running.clock.now += 9.0
    running.server.sweep()
    silent[1].write(b"x")  # a byte now and then buys no time
    running.clock.now += 1.0
    running.server.sweep()
    assert await is_shown_out(silent)


async def test_a_web_socket_without_a_hello_is_shown_out_in_time(running, raw_end) -> None:
    seated = await raw_end(running.url, "r", "sender", "a")
    assert await seated.hear() == Welcome(False)
    silent = await raw_end(running.url)
    running.clock.now += 10.0
    running.server.sweep()
    assert await silent.closed()
    late = await raw_end(running.url, "r", "receiver", "b")
    assert await late.hear() == Welcome(True, "a")  # who is in a room stays


async def test_one_address_has_so_many_connections_and_the_silent_ones_go_first(start_server, raw_end, connect) -> None:
    running = await start_server(connections_per_address=3)
    seated = await raw_end(running.url, "r", "sender", "a")
    assert await seated.hear() == Welcome(False)
    silent = [await connect(running.url) for _ in range(6)]
    for one in silent[:4]:
        assert await is_shown_out(one)
    second = await raw_end(running.url, "r", "receiver", "b")  # from the very same address
    assert await second.hear() == Welcome(True, "a")
    assert await is_shown_out(silent[4])
    third = await raw_end(running.url, "q", "receiver", "c")
    assert await third.hear() == Welcome(False)
    with pytest.raises(aiohttp.ClientError):  # three ends in rooms: none of them goes for a fourth
        await raw_end(running.url, "q", "sender", "d")
    elsewhere = await connect(running.url, b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n", host="127.0.0.2")
    assert b'"ends": 3' in await elsewhere[0].read()


async def test_all_addresses_together_have_so_many_connections(start_server, raw_end, connect) -> None:
    running = await start_server(connections=4)
    seated = await raw_end(running.url, "r", "sender", "a")
    assert await seated.hear() == Welcome(False)
    silent = [await connect(running.url, host=f"127.0.0.{number}") for number in range(2, 12)]
    for one in silent[:7]:
        assert await is_shown_out(one)
    second = await raw_end(running.url, "r", "receiver", "b")
    assert await second.hear() == Welcome(True, "a")
    assert len(running.server.door) <= 4


async def test_a_connection_that_is_over_has_no_place(start_server, raw_end) -> None:
    running = await start_server(connections_per_address=2)
    for number in range(6):
        end = await raw_end(running.url, "r", "sender", f"a{number}")
        assert await end.hear() == Welcome(False)
        await end.socket.close()
        while (await health(running.url))["ends"]:
            pass


async def test_a_proxy_counts_for_those_behind_it(start_server, raw_end) -> None:
    running = await start_server(connections_per_address=1, proxies=frozenset({"127.0.0.1"}))

    def behind(address: str) -> dict[str, dict[str, str]]:
        return {"headers": {"X-Forwarded-For": f"203.0.113.200, {address}"}}  # the first is the client's own claim

    first = await raw_end(running.url, "r", "sender", "a", **behind("192.0.2.1"))
    assert await first.hear() == Welcome(False)
    second = await raw_end(running.url, "r", "receiver", "b", **behind("192.0.2.2"))
    assert await second.hear() == Welcome(True, "a")
    with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
        await raw_end(running.url, "q", "sender", "c", **behind("192.0.2.1"))


async def test_nobody_else_says_where_he_comes_from(start_server, raw_end) -> None:
    running = await start_server(connections_per_address=1)
    first = await raw_end(running.url, "r", "sender", "a", headers={"X-Forwarded-For": "192.0.2.1"})
    assert await first.hear() == Welcome(False)
    with pytest.raises(aiohttp.ClientError):
        await raw_end(running.url, "q", "sender", "b", headers={"X-Forwarded-For": "192.0.2.2"})


async def test_ipv6_any_is_served_on_ipv4_too() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    async with listening(SignalingServer(), host="::", port=0) as url:
        assert url.startswith("ws://[::]:")
        port = url.rpartition(":")[2]
        assert (await health(f"ws://127.0.0.1:{port}"))["rooms"] == 0
        assert (await health(f"ws://[::1]:{port}"))["rooms"] == 0


async def test_a_name_that_is_none_is_a_bind_error() -> None:
    for host in ("a" * 70, "192.0.2.1", "no such host"):
        with pytest.raises(BindError, match="cannot listen on"):
            await listeners(host, 0)


async def test_a_request_that_is_none_is_an_answer_of_http(running, connect) -> None:
    garbage = await connect(running.url, b"\x16\x03\x01\x02\x00\x01\x00 nonsense\r\n\r\n")
    assert (await garbage[0].read()).startswith(b"HTTP/1.0 400")
    async with aiohttp.ClientSession() as session, session.get(running.url.replace("ws:", "http:")) as response:
        assert response.status == web.HTTPBadRequest.status_code
