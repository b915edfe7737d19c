"""Keys of GaitNet's configurations that are refused here, and keys without effect."""

from collections.abc import Mapping

from batchenv.config.gaitnet.environment import GaitNetEnvironment

GAITNET_ABSENT: Mapping[str, str] = {
    "environment.cascading": (
        "a network that corrects a previous one is environment.muscle.network.cascaded with base_file"
    ),
    "environment.parameters.skeleton": "segments keep the lengths of the skeleton's file",
    "environment.parameters.torsion": "segments keep the shapes of the skeleton's file",
    "environment.parameters.muscle": "muscles keep the forces and lengths of their file",
}


def gaitnet_remarks(environment: GaitNetEnvironment) -> list[str]:
    """Sentences on keys that are accepted and change nothing."""
    remarks = []
    if environment.muscle.pose_optimization.enabled:
        remarks.append(
            "environment.muscle.pose_optimization has no effect: GaitNet reads it and never runs it; first "
            "poses are those of the motion, put on the ground."
        )
    for key, default in (("kp", "200"), ("kv", "40"), ("damping", "0.4")):
        if getattr(environment.skeleton, key) is not None:
            remarks.append(
                f"environment.skeleton.{key} has no effect, as in GaitNet: the skeleton's file says it for "
                f"each joint, and it is {default} where it does not."
            )
    if environment.advanced.quirks and environment.simulation.inference_per_sim != 1:
        remarks.append(
            "environment.simulation.inference_per_sim has no effect under quirks: GaitNet's network runs in "
            "every substep."
        )
    return remarks
