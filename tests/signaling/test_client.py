"""Tests of signaling.client: the named errors, the patience, and the mending of a broken line."""

import asyncio
import contextlib

import pytest
from aiohttp import web

from signaling.client import Retry, SignalingClient
from signaling.errors import MessageError, RoomError, TokenError, Unreachable
from signaling.messages import Offer, PeerJoined, PeerLeft, Welcome


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
        await enter(f"ws://127.0.0.1:{free_port}", sleep=naps.sleep, now_s=naps.now_s, chance=lambda: 1.0)
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
    async with contextlib.AsyncExitStack() as stack:
        runner = web.AppRunner(web.Application())
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        with pytest.raises(Unreachable, match=r"no signaling server answers at .*: 404"):
            await enter(f"ws://127.0.0.1:{runner.addresses[0][1]}", sleep=naps.sleep, now_s=naps.now_s)


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
    client = await enter(running.url, retry=retry, sleep=naps.sleep, now_s=naps.now_s, chance=lambda: 1.0)
    assert await anext(client) == Welcome(False)
    await start_server.stack.aclose()
    with pytest.raises(Unreachable):
        await anext(client)
    assert naps.pauses == [pytest.approx(pause) for pause in (0.2, 0.4, 0.8, 1.0)]
    with pytest.raises(Unreachable, match="is broken"):
        await client.send(Offer("sdp"), mend=False)
    await client.close()


async def test_an_expired_room_is_a_room_error(running) -> None:
    async with await enter(running.url) as client:
        assert await anext(client) == Welcome(False)
        running.clock.now += 3600.0
        running.server.sweep()
        with pytest.raises(RoomError, match="nobody came"):
            await anext(client)
