"""Tests of a session with Janus, against what a real one said."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from signaling.errors import MessageError, TokenError, Unreachable
from signaling.sfu.errors import NoSuchFeed, NoSuchRoom, PluginMissing, RoomExists, RoomFull
from signaling.sfu.rooms import TEXTROOM, VIDEOROOM, TextRoom, VideoRoom, key_of
from signaling.sfu.session import janus_session

Session = Callable[[], Any]
ROOM = 77


async def test_everything_that_janus_was_asked_is_asked_and_understood(janus: Any, in_session: Session) -> None:
    async with in_session() as session:
        await session.ask({"janus": "keepalive"}, is_acked=True)
        video, text, other = [await session.attach(plugin) for plugin in (VIDEOROOM, TEXTROOM, VIDEOROOM)]
        with pytest.raises(PluginMissing, match=r"No such plugin 'janus.plugin.nowhere'"):
            await session.attach("janus.plugin.nowhere")
        key = await key_of(video, "facewire")
        room, texts = VideoRoom(video, ROOM, token="pin"), TextRoom(text, ROOM, token="pin")
        with pytest.raises(NoSuchRoom):
            await room.feeds()
        with pytest.raises(NoSuchRoom):
            await texts.announce("to nobody")
        for one in (room, texts):
            await one.create()
            with pytest.raises(RoomExists):
                await one.create()
        with pytest.raises(TokenError, match="wrong pin"):
            await VideoRoom(other, ROOM, token="wrong").enter()
        with pytest.raises(TokenError):
            await TextRoom(text, ROOM, token="wrong").announce("by a stranger")
        await room.enter()
        answer = await room.publish("an offer")
        await VideoRoom(other, ROOM, token="pin").enter()
        with pytest.raises(RoomFull, match=r"Maximum number of publishers \(1\) already reached"):
            await VideoRoom(other, ROOM, token="pin").publish("another offer")
        feeds = await room.feeds()
        with pytest.raises(NoSuchFeed):
            await VideoRoom(other, ROOM, token="pin").subscribe(1)
        offer = await VideoRoom(other, ROOM, token="pin").subscribe(feeds[0].id)
        await VideoRoom(other, ROOM, token="pin").start("an answer")
        setup = await texts.setup()
        await texts.ack("an answer")
        await texts.announce("hello")
        await room.destroy()
        await texts.destroy()
        await session.close()
    assert isinstance(key, int)  # this Janus knows rooms by numbers
    assert [feed.name for feed in feeds] == ["facewire"]
    assert all("webrtc-datachannel" in sdp for sdp in (answer, offer, setup))
    assert [one["janus"] for one in (janus.asked[0], janus.asked[-1])] == ["create", "destroy"]


async def test_what_is_said_of_a_handle_without_being_asked_is_its_event(janus: Any, in_session: Session) -> None:
    async with in_session() as session:
        handle, other = await session.attach(VIDEOROOM), await session.attach(TEXTROOM)
        janus.say({"janus": "webrtcup", "sender": handle.number})
        janus.say({"janus": "hangup", "sender": other.number, "reason": "DTLS alert"})
        janus.say({"janus": "webrtcup", "sender": 1})  # nobody's
        assert (await handle.event()).kind == "webrtcup"
        assert (await other.event()).kind == "hangup"


async def test_a_line_that_breaks_ends_all_that_waits(janus: Any, in_session: Session) -> None:
    async with in_session() as session:
        handle = await session.attach(VIDEOROOM)
        waiting = asyncio.create_task(handle.event())
        janus.silent = True
        asking = asyncio.create_task(session.ask({"janus": "info"}))
        await janus.unanswered.get()
        janus.hang_up()
        for task in (waiting, asking):
            with pytest.raises(Unreachable, match="the line to Janus at ws://janus is gone"):
                await task
        with pytest.raises(Unreachable):
            await session.attach(TEXTROOM)
        assert await session.ended() == "it was closed"


async def test_a_janus_that_does_not_answer_is_not_waited_for(janus: Any, in_session: Session) -> None:
    async with in_session() as session:
        janus.silent = True
        with pytest.raises(Unreachable, match="does not answer"):
            await session.attach(VIDEOROOM)


async def test_a_session_that_janus_has_given_up_is_over(janus: Any, in_session: Session) -> None:
    async with in_session() as session:
        janus.say({"janus": "timeout", "session_id": 1})
        assert await session.ended() == "Janus gave the session up"


@pytest.mark.parametrize("text", ["", "[]", '{"janus": 7}', '{"jan', "[" * 100_000])
async def test_nonsense_ends_the_session(text: str, janus: Any, in_session: Session) -> None:
    async with in_session() as session:
        janus.say(text)
        assert "Janus sent what is no" in await session.ended()


async def test_an_answer_of_another_shape_is_refused(janus: Any, in_session: Session) -> None:
    async with in_session() as session:
        handle = await session.attach(VIDEOROOM)
        janus.silent = True
        room = VideoRoom(handle, ROOM)
        for asking, said, words in (
            (room.feeds(), {"participants": 7}, "lists no participants"),
            (room.publish("an offer"), {"configured": "ok"}, "no answer"),
            (room.subscribe(1), {"videoroom": "attached"}, "no offer"),
        ):
            task = asyncio.create_task(asking)
            asked = (await janus.unanswered.get())["transaction"]
            janus.say({"janus": "event", "transaction": asked, "plugindata": {"plugin": "p", "data": said}})
            with pytest.raises(MessageError, match=words):
                await task


async def test_no_janus_is_unreachable(unused_tcp_port: int) -> None:
    with pytest.raises(Unreachable, match=r"no Janus answers at ws://127\.0\.0\.1"):
        async with janus_session(f"ws://user:secret@127.0.0.1:{unused_tcp_port}"):
            raise AssertionError("there is one")
