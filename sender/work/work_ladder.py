"""Stage 2 to 5, work: how much of it a machine that is late is spared, step by step, before keypoints are given up."""

from dataclasses import dataclass, replace

__all__ = ["PLAIN_STEP", "STEPS", "LadderRules", "Step", "WorkLadder", "steps_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`every` n-th picture is coded (1.5: two of three); `windows`: mouth and eyes are drawn; `restoration`: references
    are restored.

    `small`: at the smaller of the call's sizes, where it has two.
    `cost` is that of a second, beside all. `late` is the load, a part of the time there is, above which the step is too
    much.
    """

    name: str
    every: float = 1
    windows: bool = True
    restoration: bool = True
    small: bool = False
    cost: float = 1.0
    late: float = 1.0


# A little too much of the work leaves out a picture here and there by itself, since only the newest one waits: that is
# better looked at than half of them, or two thirds of those.
# From all the work to the least. Windows are last, and left late: a mouth that moves is worth more than pictures
# between. Two of three come at intervals that differ, but there are a third more of them than of one of two.
STEPS = (
    Step(name="every picture", late=1.4),
    Step(name="two pictures of three", every=1.5, cost=0.67, late=1.25),
    Step(name="every second picture", every=2, cost=0.5, late=1.4),
    Step(name="every third picture", every=3, cost=0.33, late=1.2),
    Step(name="every third picture, without eyes and mouth drawn", every=3, windows=False, cost=0.25),
)
# For receivers that can hold references as they were decoded.
PLAIN_STEP = Step(
    name="every third picture, without eyes and mouth drawn, references not restored",
    every=3,
    windows=False,
    restoration=False,
    cost=0.2,
)
_AT_HALF = 0.6  # of the work, at half the side: about .75 of the sender's, .5 of the receiver's


def steps_of(sizes: tuple[int, ...], *, plain: bool = False) -> tuple[Step, ...]:
    """The steps of a call at the first of these sizes, and at a smaller one where there is a second.

    At half the side the frame rate need not fall as far, so no more than every second picture is left out before that.
    With `plain`, receivers can hold references as decoded.
    """
    steps = (*STEPS, PLAIN_STEP) if plain else STEPS
    if len(sizes) < 2:
        return steps
    own, small = (f"at {size}x{size}" for size in sizes)
    first, between, second, *others = steps
    whole = (between, replace(second, late=1.0))
    halved = (between, second, *others)
    return (
        first,
        *(replace(step, name=_at(own, step)) for step in whole),
        *(replace(step, small=True, name=_at(small, step), cost=_AT_HALF * step.cost) for step in halved),
    )


def _at(size: str, step: Step) -> str:
    rate, comma, rest = step.name.partition(",")
    return f"{rate} {size}{comma}{rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderRules:
    """Loads are parts of the time there is: 1 is all of it. Times in seconds; the way up is slower on purpose."""

    late_s: float = 2.0
    spare: float = 0.75  # of the load that is too much for the step above, what it would ask for before it is tried
    spare_s: float = 6.0  # doubled for each try that did not last
    longest_spare_s: float = 96.0
    lasting_s: float = 20.0
    gives_up_s: float = 4.0  # late on the last step


class WorkLadder:
    """Where a call stands between all the work and the least. Pure: it is told loads and times."""

    def __init__(self, rules: LadderRules | None = None, *, steps: tuple[Step, ...] = STEPS) -> None:
        self._rules = rules or LadderRules()
        self._steps = steps
        self._at = 0
        self._late_since_s: float | None = None
        self._spare_since_s: float | None = None
        self._patience_s = self._rules.spare_s
        self._climbed_s: float | None = None
        self.overwhelmed = False  # late on the last step, for long enough to give up

    @property
    def step(self) -> Step:
        """What is done now."""
        return self._steps[self._at]

    @property
    def next_step(self) -> Step:
        """What would be done next, were this too much."""
        return self._steps[min(self._at + 1, len(self._steps) - 1)]

    def allow(self, steps: tuple[Step, ...]) -> None:
        """What may be done from now on: these steps, which begin as those before did. One that is no more is left."""
        self._steps = steps
        self._at = min(self._at, len(steps) - 1)

    def pause(self) -> None:
        """Nothing is coded from now on, which is neither late nor time to spare. The step stays."""
        self._late_since_s = self._spare_since_s = None
        self.overwhelmed = False

    def see(self, load: float, *, now_s: float) -> bool:
        """The work of this step as a part of the time there is, at whichever end has less; True if the step changes."""
        rules = self._rules
        late = load > self.step.late
        above = self._steps[max(0, self._at - 1)]
        spare = self._at > 0 and load * above.cost / self.step.cost < rules.spare * above.late
        self._late_since_s = (now_s if self._late_since_s is None else self._late_since_s) if late else None
        self._spare_since_s = (now_s if self._spare_since_s is None else self._spare_since_s) if spare else None
        late_s = 0.0 if self._late_since_s is None else now_s - self._late_since_s
        self.overwhelmed = self._at == len(self._steps) - 1 and late_s >= rules.gives_up_s
        if self._at < len(self._steps) - 1 and late_s >= rules.late_s:
            return self._descend(now_s)
        if self._spare_since_s is not None and now_s - self._spare_since_s >= self._patience_s:
            return self._climb(now_s)
        return False

    def _descend(self, now_s: float) -> bool:
        rules = self._rules
        if self._climbed_s is not None:
            failed = now_s - self._climbed_s < rules.lasting_s
            self._patience_s = min(2 * self._patience_s, rules.longest_spare_s) if failed else rules.spare_s
        return self._move(1)

    def _climb(self, now_s: float) -> bool:
        self._climbed_s = now_s
        return self._move(-1)

    def _move(self, down: int) -> bool:
        self._at += down
        self._late_since_s = self._spare_since_s = None
        return True
