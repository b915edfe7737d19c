"""What a walk must measure up to, to pass for human."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from batchenv.evaluate.plain import to_plain

_MOST_DIGITS = 6


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
        of: what is judged, as `followed` names it; a policy that was asked to follow this does not pass.
    """

    label: str
    path: tuple[str, ...]
    low: float | None = None
    high: float | None = None
    unit: str = ""
    scale: float = 1.0
    digits: int = 2
    of: str = ""

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
    """A target, and what was found.

    Attributes:
        target: that is to be met.
        value: the number found; None where it was not measured.
        passed: whether it lies in the range; None where it was not measured.
        followed: whether the policy was asked to follow what is judged, so that it counts as no pass.
    """

    target: Target
    value: float | None
    passed: bool | None
    followed: bool = False

    @property
    def met(self) -> bool:
        """Whether the number lies in the range, and nobody asked for it."""
        return self.passed is True and not self.followed

    @property
    def shown(self) -> str:
        """The number as text, with as many digits as it takes to see that it falls short."""
        assert self.value is not None
        ends = [end for end in (self.target.low, self.target.high) if end is not None]
        target = self.target
        if self.passed is False:
            while target.digits < _MOST_DIGITS and target.show(self.value) in map(target.show, ends):
                target = replace(target, digits=target.digits + 1)
        return target.show(self.value)

    @property
    def word(self) -> str:
        """The verdict in a word or two."""
        if self.passed is None:
            return "not measured"
        return ("as rewarded" if self.followed else "pass") if self.passed else "falls short"

    @property
    def mark(self) -> str:
        """Class of its row in a page."""
        if self.passed is None or (self.passed and self.followed):
            return "none"
        return "good" if self.passed else "bad"


SPEED_ERROR = 0.05  # that a walk may be off the speed asked for [m/s]
_JOINTS = {"hip": "hip_flexion", "knee": "knee_angle", "ankle": "ankle_angle"}


def _joint_targets() -> tuple[Target, ...]:
    errors = (
        Target(f"{joint} angle, RMSE", ("joints", joint, "rmse_deg"), None, 6.0, "deg", 1, 1, name)
        for joint, name in _JOINTS.items()
    )
    shares = (
        Target(
            f"{joint} angle within 2 SD",
            ("joints", joint, "within_2sd"),
            0.8,
            None,
            "% of cycle",
            100,
            0,
            name,
        )
        for joint, name in _JOINTS.items()
    )
    return (*errors, *shares)


def _force(label: str, key: str, low: float | None, high: float | None, unit: str = "BW") -> Target:
    return Target(f"vertical force, {label}", ("grf", key), low, high, unit, of="vertical_force")


TARGETS = (
    Target("episodes completed", ("completed",), 0.95, None, "%", 100, 0),
    Target("walking speed", ("speed_m_s",), 1.18, 1.30, "m/s", of="speed"),
    *_joint_targets(),
    _force("first peak", "peak1_bw", 1.0, 1.3),
    _force("valley", "valley_bw", 0.6, 0.9),
    _force("second peak", "peak2_bw", 1.0, 1.3),
    _force("impact spike", "spike_bw", None, 1.4),
    _force("correlation", "r", 0.9, None, ""),
    Target("stance", ("stance_percent",), 56.0, 66.0, "% of cycle", 1, 1),
    Target("symmetry index", ("symmetry_percent",), None, 5.0, "%", 1, 1),
    Target("mean activation", ("mean_activation",), None, 0.12, "", 1, 3),
    Target("muscle timing overlap", ("emg", "overlap_percent"), 60.0, None, "%", 1, 0),
)


def targets_at(speed: float | None) -> tuple[Target, ...]:
    """Return `TARGETS`, for a walk that was asked for a speed [m/s]; None: how fast was left to it."""
    if speed is None:
        return TARGETS
    kept = {"low": speed - SPEED_ERROR, "high": speed + SPEED_ERROR}
    return tuple(replace(each, **kept) if each.of == "speed" else each for each in TARGETS)


def _inside(label: str, name: str, sds: str = "1_5sd", low: float = 0.8) -> Target:
    words = f"{label} within {sds.removesuffix('sd').replace('_', '.')} SD"
    return Target(words, ("curves", name, f"within_{sds}"), low, None, "% of cycle", 100, 0, name)


def _alike(label: str, name: str, low: float) -> Target:
    return Target(f"{label}, correlation", ("curves", name, "r"), low, None, "", of=name)


def _near(label: str, name: str) -> Target:
    return Target(f"{label}, from the mean", ("measures", name, "deviation_sd"), -1.0, 1.0, "SD", of=name)


AT_ANY_SPEED = (
    *(_inside(f"{joint} angle", name) for joint, name in _JOINTS.items()),
    _alike("vertical force", "vertical_force", 0.95),
    Target(
        "vertical force, RMSE", ("curves", "vertical_force", "rmse"), None, 0.10, "BW", 1, 3, "vertical_force"
    ),
    _alike("fore-aft force", "fore_aft_force", 0.9),
    _near("stance", "stance_percent"),
    _near("cadence", "cadence_steps_min"),
    _near("step length", "step_length_m"),
    *(_alike(f"{joint} moment", f"{joint}_moment", 0.85) for joint in _JOINTS),
    Target("EMG of five muscles, mean correlation", ("emg_r",), 0.6, None),
)
"""What is judged at every speed, against `norms`."""

_FRONTAL = {
    "pelvis obliquity": "pelvis_obliquity",
    "pelvis rotation": "pelvis_rotation",
    "hip adduction": "hip_adduction",
}
AT_USUAL_SPEED = (
    *(_alike(label, name, 0.8) for label, name in _FRONTAL.items()),
    *(_inside(label, name, "2sd", 0.7) for label, name in _FRONTAL.items()),
)
"""What is judged at 1.3 m/s besides."""

LOADS = tuple(
    Target(f"{joint} contact force, peak", ("joint_loads", joint, "walker"), None, most, "BW")
    for joint, most in (("hip", 4.0), ("knee", 3.5))
)
CHEAPEST = Target("cost of transport, least at", ("cost_minimum_m_s",), 1.0, 1.6, "m/s")


def verdicts(
    numbers: Mapping[str, Any], targets: tuple[Target, ...] = TARGETS, followed: Collection[str] | None = None
) -> tuple[Verdict, ...]:
    """Return the verdict on each target.

    Args:
        numbers: of a report.
        targets: to be met.
        followed: what the policy was asked to follow; by default, what the report says.
    """
    known = numbers.get("followed") if followed is None else followed
    return tuple(_verdict(numbers, target, target.of in (known or ())) for target in targets)


def verdicts_as_numbers(found: tuple[Verdict, ...]) -> list[dict[str, Any]]:
    """Return verdicts as report.json has them."""
    return [
        to_plain({**asdict(v.target), "value": v.value, "passed": v.passed, "followed": v.followed})
        for v in found
    ]


def _verdict(numbers: Mapping[str, Any], target: Target, followed: bool) -> Verdict:
    value: Any = numbers
    for key in target.path:
        value = None if value is None else value[key]
    if value is None:
        return Verdict(target, None, None, followed)
    above = target.low is None or value >= target.low
    below = target.high is None or value <= target.high
    return Verdict(target, value, above and below, followed)
