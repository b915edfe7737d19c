"""Shipped observations of a human: what the policy may see.

Vectors are in the heading frame: forward, left and up of the root, levelled.
"""

from typing import Any

from batchenv.mdp.columns import (
    Columns,
    actions,
    axial_vector,
    columns,
    commands,
    feet,
    joints,
    lateral,
    permutation,
    scalar,
    stacked,
    vector,
)
from batchenv.mdp.gait_phase import encode
from batchenv.mdp.marks import observation_term

Array = Any


def _parameters(task: Any) -> Columns:
    """One column for each parameter of the worlds; a one-sided one beside its twin, which is 1."""
    names, twins = task.parameter_set.shown, task.parameter_set.twins
    signs = [-1 if name == "slope.left" else 1 for name in names]
    return Columns(names, permutation([names.index(twin) for twin in twins], signs))


@observation_term(scalar, "m")
def root_height(root_pos: Array) -> Array:
    """Height of the root."""
    return root_pos[:, 2:]


@observation_term(vector)
def root_up(root_up: Array) -> Array:
    """The root's vertical axis, where gravity pulls straight down."""
    return root_up


@observation_term(vector, "m/s")
def root_linvel(root_linvel: Array) -> Array:
    """Velocity of the root."""
    return root_linvel


@observation_term(axial_vector, "rad/s")
def root_angvel(root_angvel: Array) -> Array:
    """Angular velocity of the root."""
    return root_angvel


@observation_term(joints, "rad")
def joint_pos(joint_pos: Array) -> Array:
    """Positions of the primary joints."""
    return joint_pos


@observation_term(joints, "rad/s")
def joint_vel(joint_vel: Array) -> Array:
    """Velocities of the primary joints."""
    return joint_vel


# The left leg is half a cycle behind: in the mirror, sine and cosine of the phase change sign.
@observation_term(columns("sin", "cos", sign=(-1, -1)))
def phase(phase: Array) -> Array:
    """Phase of the gait, as a point on the unit circle."""
    return encode(phase)


def _joints_ahead(task: Any) -> Columns:
    """All joints at every time ahead."""
    parts = [f"{seconds:g}s/{name}" for seconds in task.ahead for name in task.joint_names]
    return Columns(tuple(parts), stacked([task.mirror_joints] * len(task.ahead)))


def _path_ahead(task: Any) -> Columns:
    """Place and heading of the clip's root now and at every time ahead."""
    times = (0.0, *task.ahead)
    parts = [f"{seconds:g}s/{part}" for seconds in times for part in ("forward", "left", "up", "heading")]
    signs = (1, -1, 1, -1) * len(times)
    return Columns(tuple(parts), permutation(range(len(parts)), signs), ("m", "m", "m", "rad") * len(times))


@observation_term(_joints_ahead, "rad")
def reference_ahead(reference_ahead: Array) -> Array:
    """With the task track: pose of the clip at the times ahead."""
    return reference_ahead


@observation_term(_path_ahead)
def path_ahead(path_ahead: Array) -> Array:
    """With the task track: where the clip's root is now and at the times ahead, from the walker."""
    return path_ahead


@observation_term(actions)
def previous_action(action: Array) -> Array:
    """The last action."""
    return action


@observation_term(actions)
def earlier_action(previous_action: Array) -> Array:
    """The action before the last one: with actions up to two steps late, it may still be to come."""
    return previous_action


@observation_term(scalar, "s")
def action_delay(action_delay: Array) -> Array:
    """How late the action is, as the muscles tell by when they act."""
    return action_delay[:, None]


@observation_term(joints, "rad")
def reference_pos(reference_pos: Array) -> Array:
    """Pose of the reference at this phase."""
    return reference_pos


@observation_term(lateral, "rad")
def heading(heading: Array) -> Array:
    """Angle of the root about the vertical, positive to the left."""
    return heading


@observation_term(lateral, "rad")
def off_course(off_course: Array) -> Array:
    """Angle from the course that the commanded turning has led to, positive to the left."""
    return off_course


@observation_term(lateral, "m")
def lateral_drift(root_pos: Array) -> Array:
    """Distance from the line of travel, positive to the left."""
    return root_pos[:, 1]


@observation_term(columns("forward", "left", sign=(1, -1)), "rad")
def slope(slope: Array) -> Array:
    """Rise of the floor ahead and to the left, as the inner ear and the feet on the floor tell it."""
    return slope


@observation_term(feet, "body weights")
def foot_load(foot_load: Array) -> Array:
    """Mean vertical force of the floor on each foot in the last step."""
    return foot_load


@observation_term(columns("speed", "yaw_rate", sign=(1, -1), units=("m/s", "rad/s")))
def pace(pace: Array) -> Array:
    """Speed forward and rate of turning of the reference now, on their way to those commanded."""
    return pace


@observation_term(commands)
def command(command: Array) -> Array:
    """What the walker is asked now."""
    return command


@observation_term(_parameters, prefix="parameter")
def parameters(shown_parameters: Array) -> Array:
    """Parameters of the world; a one-sided one beside its twin."""
    return shown_parameters
