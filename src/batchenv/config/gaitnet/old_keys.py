"""Keys that GaitNet's older files have flat, where newer ones have sections; GaitNet reads both."""

from collections.abc import Mapping
from typing import Any

_LOCOMOTION = ("reward", "locomotion")
_METABOLIC = ("reward", "metabolic")
# Section below `environment`, flat key: section inside it, and key there.
_FLAT: Mapping[tuple[str, ...], Mapping[str, tuple[str, str]]] = {
    _LOCOMOTION: {
        "step_weight": ("step", "weight"),
        "step_clip": ("step", "clip"),
        "avg_vel_weight": ("avg_vel", "weight"),
        "avg_vel_window_mult": ("avg_vel", "window_mult"),
        "avg_vel_consider_x": ("avg_vel", "consider_x"),
        "drag_x": ("dragX", "use"),
        "drag_weight": ("dragX", "weight"),
        "drag_x_threshold": ("dragX", "threshold"),
    },
    _METABOLIC: {"torque_coeff": ("torque", "coeff")},
}


def with_nested_keys(environment: Mapping[Any, Any]) -> tuple[dict[Any, Any], list[str]]:
    """Return the section `environment` with flat keys in their sections, and a sentence for each problem."""
    result, problems = dict(environment), []
    for path, flat in _FLAT.items():
        reward = result.get(path[0])
        section = reward.get(path[1]) if isinstance(reward, Mapping) else None
        if not isinstance(reward, Mapping) or not isinstance(section, Mapping):
            continue
        kept = {key: value for key, value in section.items() if key not in flat}
        for key, (inner, name) in flat.items():
            if key not in section:
                continue
            # GaitNet reads flat keys of locomotion only where their section is absent.
            beside = section.get(inner, {}) if path == _METABOLIC else {}
            if (
                (inner in section and path == _LOCOMOTION)
                or not isinstance(beside, Mapping)
                or name in beside
            ):
                where = ".".join(("environment", *path))
                problems.append(f"{where}.{key}: {where}.{inner} is there, too; give {inner}.{name} instead.")
                continue
            kept[inner] = {**kept.get(inner, {}), name: section[key]}
        result[path[0]] = {**reward, path[1]: kept}
    return result, problems
