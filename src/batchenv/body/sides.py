"""Whether the two sides of a body, and of its gait, are alike."""

import numpy as np

from batchenv.body.body import Body
from batchenv.body.names import BodyNames

_ALIKE = 0.01  # share by which masses and lengths of the two sides may differ
_SAME_POSE = 1e-6  # [rad]


def unlike_sides(body: Body) -> str | None:
    """Say in what the right and the left side of a body differ; None where they are alike.

    Joints and muscles of one side need twins. Segments need the mass of their twins, and their distance from
    the segment that bears them, both to 1 %. Limits of joints and the strength of muscles may differ, as
    they do somewhat in models of myo_sim.

    Returns:
        A clause such as "the mass of femur_l is 6.75 kg, and of femur_r 9.26 kg".
    """
    for kind, names, twins in (
        ("joint", body.joint_names, body.mirror_joint),
        ("muscle", body.muscle_names, body.mirror_muscle),
    ):
        for i, name in enumerate(names):
            if twins[i] == i and body.names.twin(name) != name:
                return f"{kind} {name} has no twin on the other side"
    model = body.model
    ids = {model.body(i).name: i for i in range(1, model.nbody)}
    distance = np.linalg.norm(model.body_pos, axis=1)
    return _unlike("mass", "kg", ids, model.body_mass, body.names) or _unlike(
        "distance from its parent", "m", ids, distance, body.names
    )


def unlike_legs(body: Body, joint_pos: np.ndarray) -> str | None:
    """Say which joint of the left side does something else than its twin half a cycle earlier, or None.

    Args:
        body: of the joints.
        joint_pos: at even phases of a cycle (K, J) [rad].
    """
    image = np.roll(joint_pos[:, body.mirror_joint] * body.mirror_joint_sign, len(joint_pos) // 2, axis=0)
    unlike = np.flatnonzero((np.abs(image - joint_pos) > _SAME_POSE).any(axis=0))
    return f"{body.joint_names[unlike[-1]]} of the reference has a motion of its own" if unlike.size else None


def _unlike(what: str, unit: str, ids: dict[str, int], values: np.ndarray, names: BodyNames) -> str | None:
    """A clause on the first body of the left side whose value differs from its twin's."""
    for name, left in ids.items():
        right = ids.get(names.twin(name))
        if not names.is_left(name) or right is None:
            continue
        own, twin = values[left], values[right]
        if abs(own - twin) > _ALIKE * max(own, twin):
            return f"the {what} of {name} is {own:.3g} {unit}, and of {names.twin(name)} {twin:.3g} {unit}"
    return None
