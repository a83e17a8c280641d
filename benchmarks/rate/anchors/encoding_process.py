"""Stage 4, for comparison: encoders in a process of their own, which is ended and begun anew where one stalls.

SVT-AV1 4.1 waits for itself for good about once in ten thousand pictures of low delay, at whatever settings: all its
threads sleep, and so does the call that gave it a picture. A thread cannot be ended from outside, a process can. The
result of another try is the same, byte for byte.
"""

import atexit
import multiprocessing
from collections.abc import Sequence
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from benchmarks.clips.clip import Clip
from benchmarks.errors import EncoderFailed
from benchmarks.rate.anchors.encoder import Encoded, encode
from benchmarks.rate.anchors.setups import Anchor

# For the next picture, with one try after the other: one takes milliseconds, but the first one waits for the process
# to begin, and a busy machine has been seen to take seconds.
PATIENCE_S = (60.0, 120.0, 300.0)


def _serve(connection: Connection) -> None:
    """In the process: encodes whatever comes, until the other end is closed. Tells of each picture with None."""
    while True:
        try:
            setup, clip, crf = connection.recv()
        except EOFError:
            return
        try:
            answer: Any = encode(setup, clip, crf=crf, tick=lambda: connection.send(None))
        except Exception as error:
            answer = error
        connection.send(answer)


class EncodingProcess:
    """Encodes one clip at a time. The process begins with the first, and ends with `close` or with this process."""

    def __init__(self, patience_s: Sequence[float] = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._running: tuple[BaseProcess, Connection] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, where there is one."""
        return None if self._running is None else self._running[0].pid

    def encode(self, setup: Anchor, clip: Clip, *, crf: int) -> Encoded:
        """As `encoder.encode`, whose exceptions come through. Raises EncoderFailed when every try stalls or dies."""
        for patience_s in self._patience_s:
            answer = self._try(setup, clip, crf, patience_s)
            if isinstance(answer, Exception):
                raise answer
            if answer is not None:
                return answer
            self.close()
        tries = len(self._patience_s)
        raise EncoderFailed(f"{setup.encoder} stalled or died {tries} times on {clip.name} at crf {crf}")

    def close(self) -> None:
        """Ends the process, whatever it is at."""
        if self._running is not None:
            process, connection = self._running
            self._running = None
            connection.close()
            process.kill()
            process.join()

    def _try(self, setup: Anchor, clip: Clip, crf: int, patience_s: float) -> Encoded | Exception | None:
        """None where it stalls or dies."""
        connection = self._connection()
        try:
            connection.send((setup, clip, crf))
            while connection.poll(patience_s):
                answer: Encoded | Exception | None = connection.recv()
                if answer is not None:
                    return answer
        except (EOFError, OSError):  # it has died
            pass
        return None

    def _connection(self) -> Connection:
        if self._running is None:
            context = multiprocessing.get_context("spawn")  # a fork would share torch's threads, half-way through
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            self._running = process, ours
        return self._running[1]


@cache
def encoding_process() -> EncodingProcess:
    """The one of this process."""
    process = EncodingProcess()
    atexit.register(process.close)
    return process
