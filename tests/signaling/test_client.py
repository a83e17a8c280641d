"""Tests of signaling.client: the named errors, the patience, and the mending of a broken line."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientConnectionResetError, ClientWebSocketResponse, WSMsgType, web

from signaling.client import Retry, SignalingClient
from signaling.errors import MessageError, RoomError, TokenError, Unreachable
from signaling.protocol.messages import Offer, PeerJoined, PeerLeft, Refused, Welcome, encode


class Naps:
    """Sleep and clock in one: sleeping only moves the clock."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def now_s(self) -> float:
        return sum(self.pauses)


@pytest.fixture
def naps() -> Naps:
    return Naps()


@contextlib.asynccontextmanager
async def serving(application: web.Application) -> AsyncIterator[str]:
    """A web server of another kind, HOST:PORT."""
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def enter(url: str, role: str = "sender", **more: object) -> SignalingClient:
    return await SignalingClient.connect(url, room="r", role=role, **more)  # type: ignore[arg-type]


async def test_two_clients_meet_and_part(running) -> None:
    async with await enter(running.url) as sender:
        assert await anext(sender) == Welcome(False)
        async with await enter(running.url, "receiver") as receiver:
            assert (await anext(receiver)) == Welcome(True, receiver.peer)
            joined = await anext(sender)
            assert isinstance(joined, PeerJoined)
            assert sender.peer == joined.peer != receiver.peer != ""
            await sender.send(Offer("sdp"))
            assert await anext(receiver) == Offer("sdp")
        assert await anext(sender) == PeerLeft("receiver")
        assert sender.peer == ""


async def test_a_message_put_back_is_given_out_next(running) -> None:
    async with await enter(running.url) as client:
        assert await anext(client) == Welcome(False)
        client.put_back(Offer("sdp"))
        assert await anext(client) == Offer("sdp")


async def test_a_server_that_is_down_is_unreachable_after_growing_pauses(free_port: int, naps: Naps) -> None:
    with pytest.raises(Unreachable, match=rf"no signaling server answers at ws://127\.0\.0\.1:{free_port}: [^\n]+"):
        await enter(f"ws://127.0.0.1:{free_port}", sleep=naps.sleep, now_s=naps.now_s, draw=lambda: 1.0)
    assert naps.pauses == [pytest.approx(pause) for pause in (0.2, 0.4, 0.8, 1.6)]


async def test_a_server_that_comes_up_late_is_found(free_port: int, start_server) -> None:
    async def start(_: float) -> None:
        await start_server(port=free_port)

    async with await enter(f"ws://127.0.0.1:{free_port}", sleep=start) as client:
        assert await anext(client) == Welcome(False)


@pytest.mark.parametrize("url", ["", "host:8765", "http://host:8765", "ws://", "ws://host/path", "ws://a b"])
async def test_what_is_no_address_is_unreachable(url: str) -> None:
    with pytest.raises(Unreachable, match="not the address of a signaling server"):
        await enter(url)


async def test_a_server_of_another_kind_is_unreachable(naps: Naps) -> None:
    async with serving(web.Application()) as address:
        with pytest.raises(Unreachable, match=r"no signaling server answers at .*: 404"):
            await enter(f"ws://{address}", sleep=naps.sleep, now_s=naps.now_s)


async def test_the_wrong_token_is_a_token_error(start_server) -> None:
    running = await start_server(token="secret")
    with pytest.raises(TokenError, match="wrong token"):
        await enter(running.url, token="guess")
    async with await enter(running.url, token="secret"):
        pass


async def test_a_taken_role_is_a_room_error(running) -> None:
    async with await enter(running.url) as holder, asyncio.TaskGroup() as group:
        assert await anext(holder) == Welcome(False)
        reading = group.create_task(holder.__anext__())
        with pytest.raises(RoomError, match="room r has a sender already"):
            await enter(running.url)
        reading.cancel()


async def test_a_name_that_may_not_be_is_refused(running) -> None:
    with pytest.raises(RoomError, match="needs a name"):
        await SignalingClient.connect(running.url, room="", role="sender")
    with pytest.raises(MessageError, match="room is longer"):
        await SignalingClient.connect(running.url, room="r" * 65, role="sender")


async def test_a_broken_line_is_mended_with_the_same_name(start_server, free_port: int, raw_end) -> None:
    first = await start_server(port=free_port)
    client = await enter(first.url)
    assert await anext(client) == Welcome(False)
    await start_server.stack.aclose()
    second = await start_server(port=free_port)
    receiver = await raw_end(second.url, "r", "receiver", "b")
    assert await receiver.hear() == Welcome(False)
    assert await anext(client) == Welcome(True, "b")
    assert isinstance(await receiver.hear(), PeerJoined)
    await client.close()


async def test_a_line_that_breaks_and_comes_back_is_told(start_server, free_port: int) -> None:
    first = await start_server(port=free_port)
    news: list[str] = []

    async def start(_: float) -> None:
        if news:  # after a first try in vain
            assert news == [f"the signaling server at {first.url} is gone; trying again for 120 s"]
            await start_server(port=free_port)

    client = await enter(first.url, news=news.append, sleep=start)
    assert await anext(client) == Welcome(False)
    await start_server.stack.aclose()
    assert await anext(client) == Welcome(False)
    assert news[1:] == [f"the signaling server at {first.url} is back"]
    await client.close()


async def test_a_line_that_stays_broken_is_unreachable_in_the_end(start_server, naps: Naps) -> None:
    running = await start_server()
    retry = Retry(longest_s=1.0, mend_s=3.0)
    client = await enter(running.url, retry=retry, sleep=naps.sleep, now_s=naps.now_s, draw=lambda: 1.0)
    assert await anext(client) == Welcome(False)
    await start_server.stack.aclose()
    with pytest.raises(Unreachable):
        await anext(client)
    assert naps.pauses == [pytest.approx(pause) for pause in (0.2, 0.4, 0.8, 1.0)]
    with pytest.raises(Unreachable, match="is broken"):
        await client.send(Offer("sdp"), mend=False)
    await client.close()


async def test_a_network_that_swallows_what_mends_a_line_is_tried_again_soon(fake_server, naps: Naps) -> None:
    """As while nothing passes: the line breaks, and nobody answers the first new one for as long as it is there."""
    over, visits = asyncio.Event(), 0

    async def sometimes(socket: web.WebSocketResponse) -> None:
        nonlocal visits
        visits += 1
        if visits == 2:
            await over.wait()
        await socket.send_bytes(encode(Welcome(False)))
        if visits == 1:
            await socket.close()
        await over.wait()

    client = await enter(await fake_server(sometimes), retry=Retry(reach_s=0.05, answer_s=1000.0), sleep=naps.sleep)
    assert await anext(client) == Welcome(False)
    assert await anext(client) == Welcome(False)
    assert visits == 3
    over.set()
    await client.close()


async def test_an_expired_room_is_a_room_error(running) -> None:
    async with await enter(running.url) as client:
        assert await anext(client) == Welcome(False)
        running.clock.now += 3600.0
        running.server.sweep()
        with pytest.raises(RoomError, match="nobody came"):
            await anext(client)


# Servers that mean no good


Serve = Callable[[web.WebSocketResponse], Awaitable[None]]


@pytest.fixture
async def fake_server() -> AsyncIterator[Callable[[Serve], Awaitable[str]]]:
    """Serves WebSockets as the test says; gives the URL."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(serve: Serve) -> str:
            async def meet(request: web.Request) -> web.WebSocketResponse:
                socket = web.WebSocketResponse()
                await socket.prepare(request)
                assert (await socket.receive()).type is WSMsgType.BINARY
                await serve(socket)
                return socket

            application = web.Application()
            application.router.add_get("/", meet)
            return f"ws://{await stack.enter_async_context(serving(application))}"

        yield start


@pytest.mark.parametrize(("reason", "kind"), [("full", RoomError), ("token", TokenError), ("expired", RoomError)])
async def test_a_refusal_is_one_line_that_can_be_printed(fake_server, reason, kind: type[Exception]) -> None:
    url = await fake_server(
        lambda socket: socket.send_bytes(encode(Refused(reason, "\x1b]0;owned\x07no\r\nfake: line")))
    )
    with pytest.raises(kind) as caught:
        await enter(url)
    assert str(caught.value) == "]0;owned no fake: line"


async def test_a_server_that_lets_us_in_and_drops_us_is_not_pressed(fake_server, naps: Naps) -> None:
    url = await fake_server(lambda socket: socket.send_bytes(encode(Welcome(False))))
    async with await enter(url, sleep=naps.sleep, now_s=naps.now_s, draw=lambda: 1.0) as client:
        for _ in range(8):
            assert await anext(client) == Welcome(False)
        assert naps.pauses == [pytest.approx(pause) for pause in (0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0)]
        naps.pauses.append(1000.0)  # that line held
        assert await anext(client) == Welcome(False)
        assert naps.pauses[-1] == pytest.approx(0.2)


async def test_a_line_that_breaks_as_a_ping_is_answered_is_mended(
    fake_server, naps: Naps, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(socket: ClientWebSocketResponse, message: bytes = b"") -> None:
        raise ClientConnectionResetError("Cannot write to closing transport")

    async def serve(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(encode(Welcome(False)))
        await socket.ping()
        await socket.receive()

    monkeypatch.setattr(ClientWebSocketResponse, "pong", broken)
    url = await fake_server(serve)
    async with await enter(url, sleep=naps.sleep, now_s=naps.now_s) as client:
        assert [await anext(client) for _ in range(3)] == [Welcome(False)] * 3


async def test_ends_that_lose_a_server_together_do_not_come_back_together(fake_server) -> None:
    url = await fake_server(lambda socket: socket.send_bytes(encode(Welcome(False))))
    pauses = []
    for draw in (0.0, 0.5, 1.0):
        naps = Naps()
        async with await enter(url, sleep=naps.sleep, now_s=naps.now_s, draw=lambda draw=draw: draw) as client:
            assert await anext(client) == Welcome(False)
            naps.pauses.append(1000.0)  # the line held for long
            assert await anext(client) == Welcome(False)
        pauses.append(naps.pauses[1])
    assert pauses == [pytest.approx(0.1), pytest.approx(0.15), pytest.approx(0.2)]


async def test_a_busy_server_is_tried_again(start_server, raw_end, naps: Naps) -> None:
    running = await start_server(token="right")
    for _ in range(6):
        await (await raw_end(running.url, "r", "sender", "x", token="wrong")).refusal()

    async def sleep(seconds: float) -> None:
        running.clock.now += 1.0
        await naps.sleep(seconds)

    async with await enter(running.url, token="right", sleep=sleep, now_s=naps.now_s) as client:
        assert await anext(client) == Welcome(False)
    assert len(naps.pauses) == 1


async def test_a_server_that_does_not_read_is_not_waited_for(fake_server) -> None:
    over = asyncio.Event()

    async def deaf(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(encode(Welcome(False)))
        await over.wait()

    url = await fake_server(deaf)
    client = await enter(url, retry=Retry(answer_s=0.05))

    async def talk() -> None:
        while True:
            await client.send(Offer("x" * 50_000), mend=False)

    with pytest.raises(Unreachable, match="is broken"):
        await talk()
    over.set()
    await client.close()


async def test_a_login_is_in_no_error_and_no_news(free_port: int, naps: Naps) -> None:
    news: list[str] = []
    with pytest.raises(Unreachable) as caught:
        await enter(f"ws://me:hush@127.0.0.1:{free_port}", sleep=naps.sleep, now_s=naps.now_s, news=news.append)
    assert f"at ws://127.0.0.1:{free_port}: " in str(caught.value)
    for url in ("ws://me:hush@[nonsense", "ws://me:hush@host:99999"):
        with pytest.raises(Unreachable) as caught:
            await enter(url, sleep=naps.sleep, now_s=naps.now_s, news=news.append)
        assert "hush" not in str(caught.value)
    assert "hush" not in "".join(news)


async def test_a_login_is_not_in_the_error_of_a_server_of_another_kind(naps: Naps) -> None:
    async with serving(web.Application()) as address:
        with pytest.raises(Unreachable) as caught:
            await enter(f"ws://me:hush@{address}", sleep=naps.sleep, now_s=naps.now_s)
    assert "hush" not in str(caught.value)
    assert str(caught.value).endswith(": 404 Invalid response status")
