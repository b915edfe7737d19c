"""Shipped reward terms of a human: each (N,), with its weight in YAML."""

from typing import Annotated, Any

from pydantic import Field

from batchenv.arrays import array_namespace, summed
from batchenv.mdp.marks import reward_term

Array = Any
# How fast a term falls with its error; a term that grows with it is asked for by its weight.
Scale = Annotated[float, Field(ge=0, le=1e9)]


def _gaussian(squared_error: Array, scale: float) -> Array:
    xp = array_namespace(squared_error)
    return xp.exp(-scale * squared_error)


@reward_term
def pose(joint_pos: Array, reference_pos: Array, tracked: Array, *, scale: Scale = 2.0) -> Array:
    """exp(-scale * squared distance of the pose from the reference, summed over tracked joints [rad^2])."""
    return _gaussian(summed(tracked * (joint_pos - reference_pos) ** 2), scale)


@reward_term
def joint_velocity(joint_vel: Array, reference_vel: Array, tracked: Array, *, scale: Scale = 0.02) -> Array:
    """exp(-scale * squared error of joint velocities, summed over tracked joints [rad^2/s^2])."""
    return _gaussian(summed(tracked * (joint_vel - reference_vel) ** 2), scale)


@reward_term
def forward_speed(root_linvel: Array, target_speed: Array, *, scale: Scale = 4.0) -> Array:
    """exp(-scale * squared error of the speed along the heading [m^2/s^2])."""
    return _gaussian((root_linvel[:, 0] - target_speed) ** 2, scale)


@reward_term
def track_speed(root_linvel: Array, commanded_speed: Array, *, scale: Scale = 4.0) -> Array:
    """exp(-scale * squared error of the speed along the heading from the commanded one [m^2/s^2])."""
    return _gaussian((root_linvel[:, 0] - commanded_speed) ** 2, scale)


@reward_term
def track_yaw_rate(yaw_rate: Array, commanded_yaw_rate: Array, *, scale: Scale = 2.0) -> Array:
    """exp(-scale * squared error of the rate of turning from the commanded one [rad^2/s^2])."""
    return _gaussian((yaw_rate - commanded_yaw_rate) ** 2, scale)


@reward_term
def stay_on_course(off_course: Array, *, scale: Scale = 8.0) -> Array:
    """exp(-scale * squared angle from the course that the commanded turning has led to [rad^2])."""
    return _gaussian(off_course**2, scale)


@reward_term
def keep_course(strayed: Array, *, scale: Scale = 20.0) -> Array:
    """exp(-scale * squared angle from the course that was told, on average of about a second [rad^2]).

    Unlike `stay_on_course` it lets the pelvis turn to and fro with each step, as that of humans does.
    """
    return _gaussian(strayed**2, scale)


@reward_term
def keep_pace(behind: Array, *, scale: Scale = 60.0) -> Array:
    """exp(-scale * squared distance behind or before the commanded pace, of about the last second [m^2]).

    Unlike `forward_speed` it does not ask for the same speed throughout a step, in which humans brake and
    speed up again.
    """
    return _gaussian(behind**2, scale)


@reward_term
def com_speed(com_linvel: Array, reference_com_speed: Array, *, scale: Scale = 300.0) -> Array:
    """exp(-scale * squared error of the centre of mass' speed from that of humans now [m^2/s^2]).

    Within a step humans brake and speed up; so the term asks for their fore-aft force.
    """
    return _gaussian((com_linvel[:, 0] - reference_com_speed) ** 2, scale)


@reward_term
def heading(heading: Array, *, scale: Scale = 8.0) -> Array:
    """exp(-scale * squared heading [rad^2])."""
    return _gaussian(heading**2, scale)


@reward_term
def lateral_drift(root_pos: Array, *, scale: Scale = 8.0) -> Array:
    """exp(-scale * squared distance from the line of travel [m^2])."""
    return _gaussian(root_pos[:, 1] ** 2, scale)


@reward_term
def upright(root_up: Array, *, scale: Scale = 8.0) -> Array:
    """exp(-scale * squared sine of the trunk's tilt)."""
    return _gaussian(root_up[:, 0] ** 2 + root_up[:, 1] ** 2, scale)


@reward_term
def trunk_lean(trunk_up: Array, *, scale: Scale = 30.0) -> Array:
    """exp(-scale * squared sine of the trunk's lean to a side)."""
    return _gaussian(trunk_up[:, 1] ** 2, scale)


@reward_term
def pelvis(root_up: Array, reference_pelvis: Array, *, scale: Scale = 20.0) -> Array:
    """exp(-scale * squared errors of the sines of the pelvis' tilt and list from the reference's, summed)."""
    xp = array_namespace(root_up)
    return _gaussian(summed((root_up[:, :2] - xp.sin(reference_pelvis[:, :2])) ** 2), scale)


@reward_term
def foot_progression(
    foot_progression: Array, reference_foot_progression: Array, *, scale: Scale = 8.0
) -> Array:
    """exp(-scale * squared errors of the feet's angles seen from above, from humans' [rad^2], summed)."""
    return _gaussian(summed((foot_progression - reference_foot_progression) ** 2), scale)


@reward_term
def root_height(root_pos: Array, reference_root_height: Array, *, scale: Scale = 100.0) -> Array:
    """exp(-scale * squared error of the root's height [m^2])."""
    return _gaussian((root_pos[:, 2] - reference_root_height) ** 2, scale)


@reward_term
def foot_placement(foot_pos: Array, reference_foot_pos: Array, *, scale: Scale = 30.0) -> Array:
    """exp(-scale * squared distance of the heels from where the reference has them [m^2], summed)."""
    return _gaussian(summed((foot_pos - reference_foot_pos) ** 2, axis=(-2, -1)), scale)


@reward_term
def end_effectors(effector_pos: Array, reference_effector_pos: Array, *, scale: Scale = 20.0) -> Array:
    """exp(-scale * squared distance of heels, trunk and arms from the clip's [m^2], averaged)."""
    xp = array_namespace(effector_pos)
    squared = summed((effector_pos - reference_effector_pos) ** 2)
    return _gaussian(xp.mean(squared, axis=-1), scale)


@reward_term
def root_place(root_pos: Array, reference_root_pos: Array, *, scale: Scale = 5.0) -> Array:
    """exp(-scale * squared distance of the root from the clip's [m^2])."""
    return _gaussian(summed((root_pos - reference_root_pos) ** 2), scale)


@reward_term
def root_attitude(root_turn: Array, *, scale: Scale = 5.0) -> Array:
    """exp(-scale * squared angle between the root and the clip's [rad^2])."""
    return _gaussian(root_turn**2, scale)


@reward_term
def root_velocity(
    root_linvel: Array,
    reference_root_linvel: Array,
    root_angvel: Array,
    reference_root_angvel: Array,
    *,
    scale: Scale = 2.0,
    spin: Annotated[float, Field(ge=0, le=1e6)] = 0.1,
) -> Array:
    """exp(-scale * squared error of the root's velocity [m^2/s^2], spin times that of its turning added)."""
    squared = summed((root_linvel - reference_root_linvel) ** 2)
    return _gaussian(squared + spin * summed((root_angvel - reference_root_angvel) ** 2), scale)


@reward_term
def effort(activation_squared: Array) -> Array:
    """Mean squared activation over muscles and substeps; give it a negative weight."""
    return activation_squared


@reward_term
def effort_per_metre(
    activation_squared: Array, target_speed: Array, *, slowest: Annotated[float, Field(gt=0, le=100)] = 0.4
) -> Array:
    """Effort over the speed asked for, or over `slowest` [m/s] if that is more; give it a negative weight.

    Per time, slow walking costs so little effort that nothing keeps it from wasting what it needs.
    """
    xp = array_namespace(activation_squared)
    return activation_squared / xp.clip(target_speed, slowest, None)


@reward_term
def impact(foot_load_peak: Array, *, threshold: Annotated[float, Field(ge=0, le=100)] = 1.2) -> Array:
    """Peak load on each foot above a threshold, in body weights; give it a negative weight."""
    xp = array_namespace(foot_load_peak)
    return summed(xp.clip(foot_load_peak - threshold, 0.0, None))


@reward_term
def joint_limits(
    joint_pos: Array,
    reference_pos: Array,
    joint_range: Array,
    *,
    margin: Annotated[float, Field(gt=0, le=1)] = 0.1,
) -> Array:
    """How far joints lie within a margin [rad] of their limits, where those of the reference do not.

    A joint counts 0 at the margin, 1 at its limit and at most 2 beyond it, summed over joints; give it a
    negative weight. A knee that rests on its limit needs no muscle, so a walker finds this out.
    """
    xp = array_namespace(joint_pos)
    least = xp.minimum(reference_pos, joint_range[:, 0] + margin)
    most = xp.maximum(reference_pos, joint_range[:, 1] - margin)
    depth = xp.clip((least - joint_pos) / margin, 0.0, 2.0) + xp.clip((joint_pos - most) / margin, 0.0, 2.0)
    return summed(depth)


@reward_term
def ground_reaction(foot_load: Array, reference_foot_load: Array, *, scale: Scale = 4.0) -> Array:
    """exp(-scale * squared error of the feet's loads from those of humans [body weights^2], summed)."""
    return _gaussian(summed((foot_load - reference_foot_load) ** 2), scale)


@reward_term
def difficulty(difficulty: Array) -> Array:
    """Difficulty of the world; with the weight 0, a curriculum's progress stands among the logged terms."""
    return difficulty


@reward_term
def action_rate(action: Array, previous_action: Array) -> Array:
    """Mean squared change of the action; give it a negative weight."""
    xp = array_namespace(action)
    return xp.mean((action - previous_action) ** 2, axis=-1)
