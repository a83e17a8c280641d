"""The examples run as they stand: over loopback, with the bundled clip, a few pictures each."""

import asyncio
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import av
import pytest
import torch
from aiortc import RTCPeerConnection

from facewire import SignalingClient, connect_peer, receive_face
from signaling.server import SignalingServer, listening

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SAMPLE = ROOT / "benchmarks" / "clips" / "data" / "sample.mp4"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def example(name: str) -> ModuleType:
    """The program, imported from its file."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_has_a_test() -> None:
    tested = {"embed"} | set(re.findall(r'example\("(\w+)"\)', Path(__file__).read_text()))  # embed: test_readme.py
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested


def test_a_file_is_coded_and_decoded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "decoded.mkv"
    assert example("code_file").main([str(SAMPLE), str(output), "--limit", "9"]) == 0
    told = re.fullmatch(r"9 pictures, ([\d.]+) kbps, ([\d.]+) dB\n", capsys.readouterr().out)
    assert told is not None
    assert float(told[1]) > 1
    assert float(told[2]) > 25
    with av.open(output) as container:
        assert "synthesised" in container.metadata["COMMENT"]
        assert [(frame.width, frame.height) for frame in container.decode(video=0)] == [(256, 256)] * 9


def test_what_cannot_be_coded_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert example("code_file").main([str(tmp_path / "none.mp4"), str(tmp_path / "out.mp4")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_face_goes_over_three_channels_of_a_tcp_connection(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("own_transport").main([str(SAMPLE), "--pictures", "3"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in shown] == ["256x256"] * 3


def test_a_face_is_shown_beside_the_applications_own_camera(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "beside.mkv"
    assert example("receive_beside_camera").main([str(SAMPLE), str(output), "--pictures", "5"]) == 0
    assert capsys.readouterr().out.startswith("hello: 5 pictures")
    with av.open(output) as container:
        assert "reconstructed" in container.metadata["COMMENT"]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [frame.shape for frame in frames] == [(256, 512, 3)] * 5
    assert (frames[-1][:, :256] != frames[-1][:, 256:]).any(), "two pictures, coded in two ways"


async def test_a_face_is_shown_to_several_viewers(capsys: pytest.CaptureFixture[str]) -> None:
    shown = await example("broadcast").main(str(SAMPLE), viewers=2, pictures=3)
    assert [[(frame.width, frame.height) for frame in frames] for frames in shown] == [[(256, 256)] * 3] * 2
    assert sorted(capsys.readouterr().out.splitlines()) == [f"viewer {n}: the receiver is gone" for n in range(2)]


async def watch(url: str, *, room: str, pictures: int) -> list[tuple[int, int]]:
    """A receiver in a room: so many pictures, then it leaves."""
    async with await SignalingClient.connect(url, room=room, role="receiver") as client:
        pc = RTCPeerConnection()
        async with receive_face(pc) as face:
            call = await connect_peer(pc, client)
            shown = [await face.track.recv() for _ in range(pictures)]
        await call.close("seen enough")
    return [(frame.width, frame.height) for frame in shown]


async def test_a_source_is_sent_to_a_room_until_the_receiver_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    program = example("send_webcam")
    async with listening(SignalingServer(), host="127.0.0.1", port=0) as url, asyncio.TaskGroup() as group:
        watching = group.create_task(watch(url, room="blue", pictures=3))
        arguments = ["--signal", url, "--room", "blue", "--input", str(SAMPLE)]
        assert await asyncio.to_thread(program.main, arguments) == 0
    assert watching.result() == [(256, 256)] * 3
    ends = ("the other end hung up: seen enough", "the receiver is gone")  # by way of the server, or of the connection
    assert capsys.readouterr().out.splitlines()[-1] in ends


def test_a_camera_that_is_not_there_is_said_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("send_webcam").main(["--input", "none.mp4"]) == 1
    assert capsys.readouterr().err.startswith("send_webcam: ")
