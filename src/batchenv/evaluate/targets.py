"""What a walk must measure up to, to pass for human at free speed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Target:
    """One number of a report and the range that it should lie in.

    Attributes:
        label: what it is, in words.
        path: the keys that lead to it in report.json.
        low, high: the range, ends included; None where it is open.
        unit: of the number.
        scale: what the number is multiplied with to be shown, 100 for a share shown in percent.
        digits: after the point, to be shown.
    """

    label: str
    path: tuple[str, ...]
    low: float | None = None
    high: float | None = None
    unit: str = ""
    scale: float = 1.0
    digits: int = 2

    @property
    def range(self) -> str:
        """The range in words."""
        low, high = (None if end is None else self.show(end) for end in (self.low, self.high))
        if low is None:
            return f"at most {high}"
        return f"at least {low}" if high is None else f"{low} to {high}"

    def show(self, value: float) -> str:
        """Return `value` as text, without its unit."""
        return f"{value * self.scale:.{self.digits}f}"


@dataclass(frozen=True)
class Verdict:
    """A target, the number found, and whether it passes; None where it was not measured."""

    target: Target
    value: float | None
    passed: bool | None


def _joint_targets() -> tuple[Target, ...]:
    joints = ("hip", "knee", "ankle")
    errors = (
        Target(f"{joint} angle, RMSE", ("joints", joint, "rmse_deg"), None, 6.0, "deg", 1, 1)
        for joint in joints
    )
    shares = (
        Target(f"{joint} angle within 2 SD", ("joints", joint, "within_2sd"), 0.8, None, "% of cycle", 100, 0)
        for joint in joints
    )
    return (*errors, *shares)


TARGETS = (
    Target("episodes completed", ("completed",), 0.95, None, "%", 100, 0),
    Target("walking speed", ("speed_m_s",), 1.18, 1.30, "m/s"),
    *_joint_targets(),
    Target("vertical force, first peak", ("grf", "peak1_bw"), 1.0, 1.3, "BW"),
    Target("vertical force, valley", ("grf", "valley_bw"), 0.6, 0.9, "BW"),
    Target("vertical force, second peak", ("grf", "peak2_bw"), 1.0, 1.3, "BW"),
    Target("vertical force, impact spike", ("grf", "spike_bw"), None, 1.4, "BW"),
    Target("vertical force, correlation", ("grf", "r"), 0.9, None, ""),
    Target("stance", ("stance_percent",), 56.0, 66.0, "% of cycle", 1, 1),
    Target("symmetry index", ("symmetry_percent",), None, 5.0, "%", 1, 1),
    Target("mean activation", ("mean_activation",), None, 0.12, "", 1, 3),
    Target("muscle timing overlap", ("emg", "overlap_percent"), 60.0, None, "%", 1, 0),
)


def verdicts(numbers: Mapping[str, Any], targets: tuple[Target, ...] = TARGETS) -> tuple[Verdict, ...]:
    """Return the verdict on each target, from the numbers of a report."""
    return tuple(_verdict(numbers, target) for target in targets)


def _verdict(numbers: Mapping[str, Any], target: Target) -> Verdict:
    value: Any = numbers
    for key in target.path:
        value = value[key]
    if value is None:
        return Verdict(target, None, None)
    above = target.low is None or value >= target.low
    below = target.high is None or value <= target.high
    return Verdict(target, value, above and below)
