"""The figures of a call over a bad link, from what was noted of it."""

from dataclasses import asdict
from typing import Any

import pytest

from benchmarks.errors import SettingError
from benchmarks.network.conditions import CONDITIONS, Condition
from benchmarks.network.figures import NetworkRow, Shown, network_row
from benchmarks.network.link import Wire
from benchmarks.network.report import cells, network_markdown, read_network
from benchmarks.network.run import NetworkSettings, shown_pictures


def link_line(time_s: float, *, out_bytes: int, queue_ms: float = 0.0) -> dict[str, Any]:
    way = {"in_packets": 0, "out_packets": 0, "out_bytes": 0, "lost": 0, "dropped": 0}
    return {
        "time_s": time_s,
        "ab": {**way, "in_bytes": out_bytes, "queue_ms": queue_ms},
        "ba": {**way, "in_bytes": out_bytes // 2, "queue_ms": 0},
    }


def row_of(pictures: list[Shown], *, condition: Condition = Condition(), **changes: Any) -> NetworkRow:  # noqa: B008
    given: dict[str, Any] = {
        "name": "test",
        "mode": "keypoints",
        "condition": condition,
        "begin_s": 100.0,
        "end_s": 110.0,
        "first_picture_s": 2.0,
        "pictures": pictures,
        "sender": [{"pts_origin_us": 90_000_000}],
        "receiver": [],
        "link": [],
        "failure": "",
        "said": [],
    }
    return network_row(**{**given, **changes})


def shown_at(at_s: float, *, delay_s: float, mixed: bool = False, kind: str = "keypoints") -> Shown:
    return Shown(kind, round((at_s - delay_s - 90) * 90_000), at_s, mixed)


def test_only_fresh_decoded_pictures_count_as_shown() -> None:
    fresh = [shown_at(101 + i / 25, delay_s=0.2) for i in range(100)]
    old = [shown_at(106 + i / 25, delay_s=0.6) for i in range(50)]
    mixed = [shown_at(106.01 + i / 25, delay_s=0.2, mixed=True) for i in range(50)]
    row = row_of([*fresh, *old, *mixed])
    assert row.fps == pytest.approx(10.0)
    assert row.delay_ms is not None
    assert row.delay_ms[0] == pytest.approx(200, abs=1)


def test_the_delay_of_the_path_is_allowed_for() -> None:
    pictures = [shown_at(101 + i / 25, delay_s=0.6) for i in range(100)]
    assert row_of(pictures).fps == 0
    assert row_of(pictures, condition=Condition(wire=Wire(delay_ms=300))).fps == pytest.approx(10.0)


def test_a_freeze_is_the_longest_time_without_a_new_picture_ends_included() -> None:
    row = row_of([shown_at(101, delay_s=0.1), shown_at(102, delay_s=0.1), shown_at(104.5, delay_s=0.1)])
    assert row.freeze_s == pytest.approx(5.5)
    assert row_of([]).freeze_s == pytest.approx(10)


def test_kbps_and_queue_are_the_links_own() -> None:
    lines = [link_line(100 + i / 10, out_bytes=250 * i, queue_ms=i) for i in range(101)]
    row = row_of([], link=lines)
    assert row.out_kbps == pytest.approx(20.0)
    assert row.back_kbps == pytest.approx(10.0, rel=0.01)
    assert row.queue_ms == (pytest.approx(95), 100)
    assert {round(moment.out_kbps) for moment in row.moments} == {20}


def test_sound_made_up_is_counted_over_connections() -> None:
    said = [{"sound": {"received": 90, "concealed": 10}}, {"sound": {"received": 150, "concealed": 50}}]
    again = [*said, {"sound": {"received": 10}}, {"sound": {"received": 60}}]
    assert row_of([], receiver=again).sound["made_up_percent"] == pytest.approx(100 * 50 / (150 + 50 + 60))


def test_h264_is_told_from_keypoints() -> None:
    row = row_of([shown_at(101, delay_s=0.1), shown_at(102, delay_s=0.1, kind="h264")])
    assert row.h264_part == 0.5


def test_a_results_file_holds_all_that_the_tables_show() -> None:
    row = row_of([shown_at(101, delay_s=0.1)], link=[link_line(100 + i / 10, out_bytes=i) for i in range(99)])
    environment = {"cpu": "x", "cpu_flags": [], "cores": 2, "python": "3", "packages": {}}
    origin = {"source": None, "weights": {"name": "w", "sha256": "0" * 64}}
    head = {"schema": 1, "benchmark": "network", "provenance": origin, "environment": environment, "cores": []}
    run = read_network({**head, "load_before": 0.0, "rows": [asdict(row)]})
    assert run.rows == (row,)
    assert " | ".join(cells(row)) in network_markdown(run)


def test_a_network_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(SettingError, match="limit 12"):
        NetworkSettings(names=("loss 99",))


def test_what_the_viewer_notes_is_read(tmp_path: Any) -> None:
    (tmp_path / "pictures").write_text("keypoints 900 1500000 0\nh264 1800 2500000 1\n")
    assert shown_pictures(tmp_path / "pictures") == [
        Shown("keypoints", 900, 1.5, False),
        Shown("h264", 1800, 2.5, True),
    ]


def test_every_condition_says_what_it_is() -> None:
    assert all(condition.says for condition in CONDITIONS.values())
