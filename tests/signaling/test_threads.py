"""Tests of threads at both ends: one that dies is told and has an exit code, and a loop that is gone kills none."""

import asyncio
import gc
import threading

import pytest

import receiver.__main__ as receiving
import sender.__main__ as sending
from signaling.threads import Watch, tell_loop


def die() -> None:
    raise OverflowError("Python int too large to convert to C long " + "9" * 400 + "\x1b[2J")


def thread_dies(name: str) -> None:
    thread = threading.Thread(target=die, name=name)
    thread.start()
    thread.join()


def test_a_thread_that_dies_is_told_in_one_line() -> None:
    before, said = threading.excepthook, list[str]()
    with Watch(said.append) as watch:
        assert not watch.died
        thread_dies("video-decoder")
    assert watch.died
    (line,) = said
    assert line.startswith("the thread video-decoder died: OverflowError: Python int too large")
    assert line.isprintable()
    assert len(line) < 250
    assert threading.excepthook is before


async def test_a_task_that_nobody_waits_for_is_told_and_is_no_reason_for_an_exit_code() -> None:
    said = list[str]()

    async def fail() -> None:
        raise OSError(-2, "Name or service not known")

    with Watch(said.append) as watch:
        watch.tasks(asyncio.get_running_loop())
        await asyncio.wait([asyncio.create_task(fail())])
        gc.collect()
    assert said == ["below the connection something failed: OSError: Name or service not known"]
    assert not watch.died


def test_a_loop_that_has_closed_is_not_called() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    tell_loop(loop, die)


@pytest.mark.parametrize(
    ("program", "arguments"), [(receiving, ["--output", "null"]), (sending, [])], ids=["receiver", "sender"]
)
def test_a_dead_thread_is_the_exit_code_of_either_program(
    program: object, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run(*_: object) -> None:
        await asyncio.to_thread(thread_dies, "some-thread")

    monkeypatch.setattr(program, "_run", run)
    assert program.main(arguments) == 1  # type: ignore[attr-defined]
    (line,) = capsys.readouterr().err.splitlines()
    assert "the thread some-thread died: OverflowError" in line
