"""A long call's verdict, its results file, its tables and its plot."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.calls.soak.report import plot_soak, read_soak, show_soak, soak_markdown, soak_report
from benchmarks.calls.soak.run import SoakResult, SoakSettings
from benchmarks.calls.soak.series import EndSeries, ProcessSeries
from benchmarks.calls.soak.verdict import apart_by_sample, findings, verdict
from benchmarks.errors import ResultsError, SettingError

AT_S = tuple(5.0 * index for index in range(61))


def process(*, mb_an_hour: float = 0.0, threads: int = 9) -> ProcessSeries:
    return ProcessSeries(
        name="sender",
        memory_mb=tuple(200 + mb_an_hour * at / 3600 for at in AT_S),
        threads=tuple(9 if at < 200 else threads for at in AT_S),
        descriptors=(14,) * len(AT_S),
        cpu_percent=(40.0,) * len(AT_S),
    )


def end(*, later_ms: float = 0.0, apart_ms: float = 0.0) -> EndSeries:
    many = len(AT_S)
    return EndSeries(
        name="receiver",
        fps=(24.0,) * many,
        delay_ms=(None, *(250 + later_ms * at / AT_S[-1] for at in AT_S[1:])),
        delay_p95_ms=(None, *(280.0,) * (many - 1)),
        in_kbps=(20.0,) * many,
        made_up_percent=(1.0,) * many,
        marks=tuple((at + 1.0, apart_ms * at / AT_S[-1]) for at in AT_S),
    )


def result(*, of: ProcessSeries | None = None, seen: EndSeries | None = None) -> SoakResult:
    return SoakResult(
        line="two hosts, 1 % lost",
        at_s=AT_S,
        load=(1.0,) * len(AT_S),
        processes=(of or process(),),
        ends=(seen or end(),),
        said=("one: 10:00:00 connected",),
        load_before=0.1,
    )


def report(settings: SoakSettings, of: SoakResult) -> dict[str, Any]:
    source = {"commit": "0" * 40, "modified": False}
    origin = {"source": source, "weights": {"name": "w", "sha256": "0" * 64}, "clips": ["a.mp4"]}
    return soak_report(settings, of, provenance=origin)


def test_a_call_in_which_nothing_grows_is_flat() -> None:
    assert all(finding.is_flat for finding in findings(result()))
    assert verdict(result()) == "5 minutes: memory (sender +0.0 MB/h), threads, descriptors, delay and sync are flat"


@pytest.mark.parametrize(
    ("grown", "says"),
    [
        (result(of=process(mb_an_hour=120)), "sender, memory: 20"),
        (result(of=process(threads=11)), "sender, threads: 9 -> 11 threads"),
        (result(seen=end(later_ms=200)), "receiver, delay: "),
        (result(seen=end(apart_ms=200)), "receiver, sound after picture: "),
        (result(seen=end(apart_ms=-200)), "receiver, sound after picture: "),
    ],
)
def test_what_grows_is_named_alone(grown: SoakResult, says: str) -> None:
    (finding,) = [finding for finding in findings(grown) if not finding.is_flat]
    assert str(finding).startswith(says)
    assert "NOT FLAT" in verdict(grown)


def test_what_falls_has_not_grown() -> None:
    fallen = result(of=process(mb_an_hour=-600, threads=8), seen=end(later_ms=-200))
    assert all(finding.is_flat for finding in findings(fallen))


def test_marks_belong_to_the_sample_that_follows_them() -> None:
    seen = replace(end(), marks=((1.0, 10.0), (2.0, 30.0), (11.0, -5.0)))
    assert apart_by_sample(seen, (5.0, 10.0, 15.0)) == [20, None, -5]
    assert apart_by_sample(replace(seen, marks=()), (5.0, 10.0)) == [None, None]


def test_a_results_file_holds_what_tables_and_plot_are_made_of(tmp_path: Path) -> None:
    settings, of = SoakSettings(seconds=300, two_way=True), result(seen=end(later_ms=200))
    run = read_soak(json.loads(json.dumps(report(settings, of))))
    assert verdict(run.result) == verdict(of)
    assert run.result.at_s == of.at_s
    assert "two-way" in run.lines[-1]
    console = Console(file=io.StringIO(), width=200)
    show_soak(run, console)
    assert "NOT FLAT" in console.file.getvalue()
    assert "| receiver | delay |" in soak_markdown(run)
    plot_soak(run, tmp_path / "soak.png")
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")


def test_another_file_is_refused() -> None:
    with pytest.raises(ResultsError, match="soak"):
        read_soak({**report(SoakSettings(), result()), "benchmark": "two"})


@pytest.mark.parametrize("wrong", [{"seconds": 19}, {"loss": 50}, {"loss": -1}, {"every_s": 0.5}, {"every_s": 500}])
def test_settings_that_make_no_sense_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingError, match="--"):
        SoakSettings(**wrong)  # type: ignore[arg-type]
