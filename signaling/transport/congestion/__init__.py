"""Stage 6, congestion control: what the line carries, from when messages left and came (NADA, RFC 8698)."""

from signaling.transport.congestion.arrivals import ArrivalLog, ArrivalReport
from signaling.transport.congestion.departures import DepartureLog, Feedback
from signaling.transport.congestion.line import Line
from signaling.transport.congestion.nada import Nada

__all__ = ["ArrivalLog", "ArrivalReport", "DepartureLog", "Feedback", "Line", "Nada"]
