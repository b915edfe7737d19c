"""Keys of GaitNet's configurations that are refused here, and keys without effect."""

from collections.abc import Iterator, Mapping
from typing import Any

from batchenv.config.gaitnet.environment import GaitNetEnvironment
from batchenv.errors import nearest

CASCADED = (
    "cascaded networks need trained ones, which the file names and does not hold; in YAML GaitNet's own "
    "program ends here. A muscle network that corrects another is environment.muscle.network.cascaded with "
    "base_file"
)
GAITNET_ABSENT: Mapping[str, str] = {
    "cascading": CASCADED,
    "environment.cascading": CASCADED,
}


# Keys that GaitNet reads, where it reads nothing from others.
_READ = (
    ("", ("environment", "training", "Horizon", "cascading")),
    ("environment.parameters.", ("gait", "skeleton", "torsion", "muscle")),
)
# Groups of parameters that GaitNet reads in XML alone.
_OF_XML = ("muscle_length", "muscle_force")


def without_idle_keys(data: Mapping[Any, Any]) -> tuple[dict[Any, Any], list[str]]:
    """Split off keys that GaitNet reads nothing from; return the rest, and their paths.

    Those that may be misspelt stay, to be refused.
    """
    kept, idle = dict(data), []
    for prefix, known in _READ:
        inner: Any = kept
        for part in prefix.split(".")[:-1]:
            inner = inner.get(part) if isinstance(inner, Mapping) else None
        if not isinstance(inner, Mapping):
            continue
        found = [
            key
            for key in inner
            if isinstance(key, str) and key not in known and (key in _OF_XML or not nearest(key, known))
        ]
        idle += [f"{prefix}{key}" for key in found]
        rest = {key: value for key, value in inner.items() if key not in found}
        if not prefix:
            kept = rest
        elif found:
            environment = kept["environment"]
            kept = {**kept, "environment": {**environment, "parameters": rest}}
    return kept, idle


def gaitnet_remarks(environment: GaitNetEnvironment) -> list[str]:
    """Sentences on keys that are accepted and do not do what they say."""
    return [f"environment.{key} has no effect, as in the original: {why}" for key, why in _idle(environment)]


def _idle(environment: GaitNetEnvironment) -> Iterator[tuple[str, str]]:
    """Keys that ask for what does not happen, and why."""
    motion, muscle, knees = environment.motion, environment.muscle, environment.reward.knee_pain
    if muscle.pose_optimization.enabled:
        yield (
            "muscle.pose_optimization",
            "it is read and never run; first poses are those of the motion, put on the ground.",
        )
    for key, default in (("kp", "200"), ("kv", "40"), ("damping", "0.4")):
        if getattr(environment.skeleton, key) is not None:
            yield (
                f"skeleton.{key}",
                f"the skeleton's file says it for each joint, and it is {default} where it does not.",
            )
    asked: tuple[tuple[str, Any, str], ...] = (
        ("motion.cyclic", not motion.cyclic, "the motion starts over at its end until the episode ends."),
        (
            "motion.height_calibration",
            not (motion.height_calibration.enabled and motion.height_calibration.strict),
            "first poses are always lifted until nothing touches the ground.",
        ),
        (
            "muscle.mesh_lbs_weight",
            muscle.mesh_lbs_weight and muscle.file.lower().endswith((".yaml", ".yml")),
            "muscles in YAML have their weights.",
        ),
        ("advanced.stance_learning", environment.advanced.stance_learning, "nothing reads it."),
        ("reward.knee_pain.multiplicative", knees.multiplicative is False, "loads always multiply."),
        ("reward.knee_pain.scale", knees.scale not in (None, 1.0), "loads always multiply."),
        (
            "simulation.inference_per_sim",
            environment.advanced.quirks and environment.simulation.inference_per_sim != 1,
            "under quirks the network runs in every substep.",
        ),
    )
    yield from ((key, why) for key, found, why in asked if found)
