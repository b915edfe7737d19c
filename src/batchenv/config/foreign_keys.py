"""Keys of GaitNet's configuration files that this package does not have: refused by name, never ignored."""

from collections.abc import Mapping
from typing import Any

FOREIGN_KEYS: Mapping[str, str] = {
    "Horizon": "episodes end after environment.episode.max_seconds",
    "training.max_epoch": "a training run ends after training.steps",
    "training.checkpoint_freq": "checkpoints are written every training.checkpoint_seconds",
    "environment.advanced": "none of its switches exists here",
    "environment.skeleton.damping": "joint damping is part of the body's model",
    "environment.ground.file": "the floor is a plane without an end, described by environment.ground",
    "environment.motion.type": "the ending of environment.motion.file tells the format",
    "environment.motion.height_calibration": "the feet of every first pose are put on the ground",
    "environment.muscle.file": "muscles are part of the body's model",
    "environment.muscle.mesh_lbs_weight": "muscle paths are part of the body's model",
    "environment.muscle.use_velocity_force": "muscles always have MuJoCo's force-velocity curve",
    "environment.muscle.use_joint_state": "what the policy observes of muscles is not configurable",
    "environment.muscle.pose_optimization": "the feet of every first pose are put on the ground",
    "environment.action.gait_phase_mode": "the phase of the gait follows the clock",
    "environment.reward.type": "a reward is a sum of named terms, each with its weight",
    "environment.reward.eoe_type": "environment.termination and environment.episode say how episodes end",
    "environment.reward.clip": "rewards are not clipped",
    "environment.reward.metabolic": "the term 'effort' is the cost of muscle activation",
    "environment.reward.locomotion": "the terms 'forward_speed' and 'foot_placement' ask for locomotion",
    "environment.reward.knee_pain": "no reward term looks at the load on the knee",
    "environment.parameters.skeleton": "segments keep the lengths of the body's model",
    "environment.parameters.torsion": "segments keep the shapes of the body's model",
}


def without_foreign_keys(
    data: Mapping[Any, Any], foreign: Mapping[str, str] = FOREIGN_KEYS, prefix: str = ""
) -> tuple[dict[Any, Any], list[str]]:
    """Split off the keys that only GaitNet knows; return the rest, and a problem for each of them."""
    kept: dict[Any, Any] = {}
    problems: list[str] = []
    for key, value in data.items():
        path = f"{prefix}{key}"
        if path in foreign:
            problems.append(f"{path}: this key of GaitNet has no meaning here: {foreign[path]}.")
        elif isinstance(value, Mapping):
            kept[key], more = without_foreign_keys(value, foreign, f"{path}.")
            problems += more
        else:
            kept[key] = value
    return kept, problems
