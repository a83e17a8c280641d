"""Who is marked as speaking: quickly where nobody else speaks, patiently where somebody does."""

import pytest

from facewire.mesh.speaker import Speaker

SPEAKS, LOUDER, SILENT = -30.0, -20.0, -80.0


def see(speaker: "Speaker[str]", levels: dict[str, float], *, begin_s: float, seconds: float) -> list[str | None]:
    """Who is marked, each eighth of a second."""
    return [speaker.see(levels, now_s=begin_s + step / 8) for step in range(round(seconds * 8))]


def test_nobody_is_marked_in_silence() -> None:
    assert set(see(Speaker(), {"a": SILENT, "b": -46.0}, begin_s=0.0, seconds=2.0)) == {None}


def test_the_first_to_speak_is_marked_soon_and_for_a_while_after() -> None:
    speaker: Speaker[str] = Speaker()
    assert see(speaker, {"a": SPEAKS, "b": SILENT}, begin_s=0.0, seconds=0.375) == [None, "a", "a"]
    marked = see(speaker, {"a": SILENT, "b": SILENT}, begin_s=0.375, seconds=2.0)
    assert marked == ["a"] * 12 + [None] * 4


def test_a_cough_marks_nobody() -> None:
    speaker: Speaker[str] = Speaker()
    speaker.see({"a": LOUDER}, now_s=0.0)
    assert speaker.see({"a": SILENT}, now_s=0.1) is None


def test_who_interrupts_takes_over_only_after_a_while_and_is_not_marked_to_and_fro() -> None:
    speaker: Speaker[str] = Speaker()
    see(speaker, {"a": SPEAKS, "b": SILENT}, begin_s=0.0, seconds=1.0)
    assert see(speaker, {"a": SPEAKS, "b": LOUDER}, begin_s=1.0, seconds=0.75) == ["a"] * 4 + ["b"] * 2
    for step in range(20):  # each is the louder one in turn
        levels = {"a": (SPEAKS, LOUDER)[step % 2], "b": (LOUDER, SPEAKS)[step % 2]}
        assert speaker.see(levels, now_s=2.0 + step / 8) == "b"


def test_who_answers_is_marked_at_once() -> None:
    speaker: Speaker[str] = Speaker()
    see(speaker, {"a": SPEAKS, "b": SILENT}, begin_s=0.0, seconds=1.0)
    assert see(speaker, {"a": SILENT, "b": SPEAKS}, begin_s=1.0, seconds=0.375) == ["a", "b", "b"]


@pytest.mark.parametrize("levels", [{}, {"b": SILENT}])
def test_who_leaves_is_not_marked(levels: dict[str, float]) -> None:
    speaker: Speaker[str] = Speaker()
    see(speaker, {"a": SPEAKS}, begin_s=0.0, seconds=1.0)
    assert speaker.see(levels, now_s=1.0) is None
