"""The line to an SFU: receipts make the reports that a sender's pace goes by."""

from signaling.sfu.line import LineReports
from signaling.sfu.mux import Kind, Multiplexer, MuxMessage
from signaling.transport.congestion import ArrivalReport
from signaling.transport.congestion.arrivals import tag_of
from signaling.transport.memory import memory_pair


async def test_receipts_are_told_of_as_arrivals() -> None:
    near, _ = memory_pair()
    multiplexer = Multiplexer(near.control)
    heard: list[ArrivalReport] = []
    multiplexer.channel(Kind.MOTION).set_receiver(lambda data: heard.append(ArrivalReport.parse(data)))
    now_s = 10.0
    reports = LineReports(multiplexer, clock=lambda: now_s)
    for number in range(12):
        now_s += 0.2
        reports.acknowledged(bytes(MuxMessage(Kind.MOTION, b"motion %d" % number)))
        reports.acknowledged(b"\x03 of the transport's own")
    assert len(heard) > 1
    ago_ms = dict(heard[-1].entries)
    (newest, _), (before, _) = heard[-1].entries[:2]
    assert ago_ms[before] - ago_ms[newest] == 200
    told = {tag for report in heard for tag, _ in report.entries}
    assert told <= {tag_of(b"motion %d" % number) for number in range(12)}
    assert tag_of(b"motion 0") in told
