"""Stage 6, congestion control: NADA (RFC 8698), a rate from queueing delay, with loss heeded as far as it is ours.

Why NADA: it needs nothing but one-way delays and what was lost, at reports of any interval, and its rate follows from
how long the queue is. GCC's trend line wants dozens of packets a second, of which this codec sends six; SCReAM wants a
report each round trip. From SCReAM (RFC 8298, 4.1.2) comes the bound on what is on its way, in `line.py`.

    x = queue_ms                                                    the congestion signal (RFC 8698, 4.2, without loss)
    r -= KAPPA (delta / TAU) ((x - XREF RMAX / r) / TAU) r          gradual update (4.3)
       + KAPPA ETA ((x - x before) / TAU) r
    r  = max(r, (1 + gamma) received)                               accelerated ramp-up (4.3), no queue for LOGWIN

In balance the queue is XREF RMAX / r: 10 ms at 400 kbit/s, 250 at 16. Three departures: a decrease is a half at most,
and while the queue is far beyond its balance the rate is no more than what comes through; what nobody sends shows no
limit, so the rate stays below one and a half times of that (as GCC does); and loss is no part of x, which at 1 % would
be 10 ms and at 10 % a second: on radio links it has nothing to do with us. See `LossJudge`.
"""

from signaling.transport.congestion.departures import Feedback

__all__ = ["LossJudge", "Nada"]

_KAPPA, _ETA, _TAU_S, _XREF_MS, _RMAX_KBPS = 0.5, 2.0, 0.5, 10.0, 400.0
_QUEUE_EPS_MS, _LOG_WINDOW_S = 10.0, 0.5
_QUEUE_BOUND_S, _FILTER_S, _MOST_GAMMA = 0.1, 0.12, 0.5  # QBOUND is 50 ms there, for lines of megabits
_LEAST_FACTOR, _MOST_GROWTH = 0.5, 0.8  # of one update, and a second
_FAR_BEYOND_MS = 100.0
_UNUSED = 1.5  # the rate is so much more than what comes through, at most
_LOSS_FLOOR_KBPS = 24.0  # no line of less drops packets and queues none
_MEMORY_S = 30.0  # a limit that was met is expected for so long


class LossJudge:
    """Which part of the loss is the rate's doing. Pure.

    Loss above a tenth is put on trial: the rate goes down by a fifth, and if the loss does not fall along, it is the
    line's own: the rate comes back, and only what is 15 % beyond is heeded from then on. (A policer that drops what is
    over its rate loses much less then; a bad radio link as much as before.) Below 24 kbit/s loss is not heeded at all:
    what loses there without a queue is no limit, and a talk that is thinned out for it only gets worse.
    """

    def __init__(self, *, serious: float = 0.1, more: float = 0.15, trial_s: float = 3.0) -> None:
        self._serious, self._more, self._trial_s = serious, more, trial_s
        self._own = 0.0
        self.wronged_kbps = 0.0  # the rate before a trial that showed nothing; 0: there was none just now
        self._trial: tuple[float, float, float] | None = None  # since when, from which rate and loss

    def excess(self, loss: float, *, rate_kbps: float, now_s: float) -> float:
        """What of the loss should lower the rate."""
        self.wronged_kbps = 0.0
        if loss < self._own:
            self._own += 0.02 * (loss - self._own)
        if loss < max(self._serious, self._own + self._more if self._own else 0.0):
            self._trial = None
            return 0.0
        if self._trial is None:
            self._trial = (now_s, rate_kbps, loss)
            return loss
        since_s, before_kbps, before = self._trial
        if rate_kbps > 0.8 * before_kbps:
            return loss
        if now_s - since_s < self._trial_s:
            return 0.0
        if loss > 0.75 * before:
            self._own, self.wronged_kbps, self._trial = loss, before_kbps, None
            return 0.0
        self._trial = (now_s, rate_kbps, loss)
        return loss


class Nada:
    """The rate that a stream may take of its line, in kbit/s on the wire. Pure: `hear` once a report."""

    def __init__(self, *, min_kbps: float, max_kbps: float, start_kbps: float) -> None:
        self._min_kbps, self._max_kbps = min_kbps, max_kbps
        self._start_kbps = min(max(start_kbps, min_kbps), max_kbps)
        self.rate_kbps = self._start_kbps
        self.queue_ms = 0.0
        self._before: Feedback | None = None
        self._clear_since_s: float | None = None
        self._met_s: float | None = None  # when a limit was met last
        self._most_kbps = 0.0  # that came through lately
        self._judge = LossJudge()

    @property
    def balance_ms(self) -> float:
        """The queue at which the rate stays as it is."""
        return _XREF_MS * _RMAX_KBPS / self.rate_kbps

    def is_limited(self, *, now_s: float) -> bool:
        """Whether the line has shown a limit lately: else nobody knows any, and more may be tried."""
        return self._met_s is not None and now_s - self._met_s < _MEMORY_S

    def forgive(self, rate_kbps: float) -> None:
        """What was called a queue was the path: the rate is what it was before, and no limit was met."""
        self.rate_kbps = max(self.rate_kbps, rate_kbps)
        self._before = self._met_s = None

    def hear(self, feedback: Feedback) -> float:
        """One report; the rate from now on."""
        before, self._before = self._before, feedback
        delta_s = 0.1 if before is None else min(1.0, max(0.02, feedback.now_s - before.now_s))
        self.queue_ms = feedback.queue_ms
        self._most_kbps = max(feedback.received_kbps, self._most_kbps * (1 - 0.05 * delta_s))
        self._see_clear(feedback)
        if self._ramps(feedback):
            gamma = min(_MOST_GAMMA, _QUEUE_BOUND_S / (feedback.answered_s + delta_s + _FILTER_S))
            rate_kbps = max(self.rate_kbps, (1 + gamma) * feedback.received_kbps)
            rate_kbps = max(rate_kbps, self._gradual(feedback, feedback, delta_s))
        else:
            rate_kbps = self._gradual(feedback, before or feedback, delta_s)
        loss = self._judge.excess(feedback.loss, rate_kbps=self.rate_kbps, now_s=feedback.now_s)
        if loss:  # as the loss-based half of draft-ietf-rmcat-gcc, 6
            self._met_s = feedback.now_s
            lower_kbps = max(self.rate_kbps * (1 - 0.5 * loss * delta_s / _TAU_S), _LOSS_FLOOR_KBPS)
            rate_kbps = min(rate_kbps, max(lower_kbps, min(self.rate_kbps, _LOSS_FLOOR_KBPS)))
        if self._judge.wronged_kbps:  # it was no limit that was met
            rate_kbps, self._met_s = max(rate_kbps, self._judge.wronged_kbps), None
        self._set(rate_kbps, feedback)
        return self.rate_kbps

    def _see_clear(self, feedback: Feedback) -> None:
        if feedback.queue_ms >= _QUEUE_EPS_MS:
            self._clear_since_s = None
        elif self._clear_since_s is None:
            self._clear_since_s = feedback.now_s

    def _ramps(self, feedback: Feedback) -> bool:
        return self._clear_since_s is not None and feedback.now_s - self._clear_since_s >= _LOG_WINDOW_S

    def _gradual(self, feedback: Feedback, before: Feedback, delta_s: float) -> float:
        rate_kbps, tau_ms = self.rate_kbps, 1000 * _TAU_S
        offset_ms = feedback.queue_ms - self.balance_ms
        change = -_KAPPA * (delta_s / _TAU_S) * offset_ms / tau_ms
        change -= _KAPPA * _ETA * (feedback.queue_ms - before.queue_ms) / tau_ms
        return rate_kbps * min(1 + _MOST_GROWTH * delta_s, max(_LEAST_FACTOR, 1 + change))

    def _set(self, rate_kbps: float, feedback: Feedback) -> None:
        if feedback.queue_ms > self.balance_ms + _FAR_BEYOND_MS:
            self._met_s = feedback.now_s
            self._most_kbps = feedback.received_kbps
            rate_kbps = min(rate_kbps, feedback.received_kbps)
        unused_kbps = _UNUSED * self._most_kbps
        if not self.is_limited(now_s=feedback.now_s):
            unused_kbps = max(unused_kbps, self._start_kbps)
        if rate_kbps > self.rate_kbps:
            rate_kbps = max(self.rate_kbps, min(rate_kbps, unused_kbps))
        self.rate_kbps = min(self._max_kbps, max(self._min_kbps, rate_kbps))
