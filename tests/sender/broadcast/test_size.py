"""A sender of several viewers that turns to the smaller size, where all of them read it."""

from typing import Any

from codec.pictures.face import FaceBox
from sender.broadcast import FaceBroadcast
from sender.crop.face import FaceFollower
from sender.encode import FaceWorker
from signaling.protocol.messages import Capabilities
from signaling.transport.memory import memory_pair


async def test_it_turns_small_for_all_and_back_for_one_who_comes_and_cannot_read_it(fakes: Any, clock: Any) -> None:
    session = fakes.Session(clock)
    follower = FaceFollower(fakes.Finder(FaceBox(20, 20, 20, 20, 1.0)))
    encoder = session.encoder
    worker = FaceWorker(lambda _: encoder, lambda _: follower, size=64, smaller=(32, lambda _: encoder))
    broadcast = FaceBroadcast(session.capture, worker=worker, options=session.options, clock=clock)

    async def join(*sizes: int) -> Any:
        near, far = memory_pair()
        broadcast.add(near)
        end = fakes.FarEnd(far)
        await fakes.ready()
        if sizes:
            end.say(Capabilities(end="receiver", sizes=sizes))
            await fakes.ready()
        broadcast._follow()
        return end

    def size() -> Any:
        assert worker.orders.size.small == (broadcast.work.states["coded_size"] == 32), "the worker is told"
        return broadcast.work.states["coded_size"]

    async with broadcast:
        await session.source.running.wait()
        await join(32, 64, 256)
        await join(32, 64, 256)
        for number in range(120):
            broadcast.work.skips(3600 * number, coded=True)
            clock.now_s += 0.1
            broadcast.work.done(captured=4 * number)
        assert size() == 32
        late = await join()
        assert size() == 32, "it has said nothing yet"
        late.say(Capabilities(end="receiver", sizes=(64, 256)))
        await fakes.ready()
        broadcast._follow()
        assert size() == 64
