"""What a policy was asked to follow: a number that the reward asked for is no evidence of a human gait."""

from collections.abc import Mapping

from batchenv.config import Config
from batchenv.evaluate.clinical_curves import ANGLES

# What a term of the reward asks for, in the names of the curves and measures of `norms`.
_PACE = ("cadence_steps_min", "step_length_m")
ASKED_BY = {
    "pose": (*ANGLES, "cadence_steps_min"),
    "joint_velocity": (*ANGLES, "cadence_steps_min"),
    "foot_placement": _PACE,
    "end_effectors": _PACE,
    "pelvis": ("pelvis_tilt", "pelvis_obliquity"),
    "foot_progression": ("foot_progression",),
    "root_attitude": ("pelvis_tilt", "pelvis_obliquity", "pelvis_rotation"),
    "ground_reaction": ("vertical_force",),
    "forward_speed": ("speed",),
    "track_speed": ("speed",),
    "keep_pace": ("speed",),
    "com_speed": ("speed", "fore_aft_force"),
    "root_place": ("speed",),
    "root_velocity": ("speed",),
}


def followed(config: Config) -> dict[str, str]:
    """Return what the policy was asked to follow, each with the terms of the reward that asked it.

    A joint whose reference is scaled to nothing is not followed. What a user's terms ask for is not known.
    Tasks with GaitNet's rewards follow the joints of a motion.

    Args:
        config: that the policy was trained under.

    >>> from batchenv import load_config
    >>> followed(load_config("walk"))["hip_flexion"]
    'pose, joint_velocity'
    """
    reward = config.environment.reward
    if not isinstance(reward, Mapping):
        return dict.fromkeys((*ANGLES, *_PACE), "motion")
    scale = getattr(config.environment.motion, "joint_scale", {})
    found: dict[str, list[str]] = {}
    for term, section in reward.items():
        if section.weight == 0.0:
            continue
        for name in ASKED_BY.get(term, ()):
            if scale.get(name, 1.0) != 0.0:
                found.setdefault(name, []).append(term)
    return {name: ", ".join(terms) for name, terms in found.items()}
