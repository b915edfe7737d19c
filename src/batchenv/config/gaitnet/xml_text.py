"""GaitNet's older environments in XML, as plain data of the YAML ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from batchenv.config.gaitnet.foreign_keys import CASCADED
from batchenv.config.problems import cut
from batchenv.errors import BodyError, ConfigError, nearest
from batchenv.files.xml_scan import scan_xml

_GROUPS = ("gait", "skeleton", "torsion")
_MOTIONS = {"bvh": "bvh", "npz": "npz", "h5": "h5", "hdf": "h5"}


@dataclass
class _Tag:
    name: str
    attributes: dict[str, str]
    text: str = ""
    inside: "list[_Tag]" = field(default_factory=list)


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("give true or false")
    return text.lower() == "true"


_A = "environment.advanced."
_L = "environment.reward.locomotion."
_M = "environment.reward.metabolic."
_K = "environment.reward.knee_pain."
# Path in our data of each tag's text, and what the text is; files differ in their capitals.
_TAGS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "ground": ("environment.ground.file", str),
    "cyclicbvh": ("environment.motion.cyclic", _flag),
    "residual": ("environment.action.residual", _flag),
    "actionScale": ("environment.action.scale", float),
    "timeWarping": ("environment.action.time_warping", float),
    "simHz": ("environment.simulation.sim_hz", int),
    "controlHz": ("environment.simulation.control_hz", int),
    "inferencePerSim": ("environment.simulation.inference_per_sim", int),
    "muscle": ("environment.muscle.file", str),
    "meshLbsWeight": ("environment.muscle.mesh_lbs_weight", _flag),
    "useVelocityForce": ("environment.muscle.use_velocity_force", _flag),
    "useJointState": ("environment.muscle.use_joint_state", _flag),
    "enforceSymmetry": (_A + "enforce_symmetry", _flag),
    "stanceLearning": (_A + "stance_learning", _flag),
    "learningStd": (_A + "learning_std", _flag),
    "hardPhaseClipping": (_A + "hard_phase_clipping", _flag),
    "softPhaseClipping": (_A + "soft_phase_clipping", _flag),
    "torqueClipping": (_A + "torque_clipping", _flag),
    "includeJtPinSPD": (_A + "include_jtp_in_spd", _flag),
    "useNormalizedParamState": (_A + "use_normalized_param_state", _flag),
    "eoeType": ("environment.reward.eoe_type", str),
    "rewardType": ("environment.reward.type", str),
    "HeadLinearAccWeight": (_L + "head_linear_acc_weight", float),
    "HeadRotWeight": (_L + "head_rot_weight", float),
    "StepWeight": (_L + "step.weight", float),
    "AvgVelWeight": (_L + "avg_vel.weight", float),
    "AvgVelWindowMult": (_L + "avg_vel.window_mult", float),
    "AvgVelConsiderX": (_L + "avg_vel.consider_x", _flag),
    "DragX": (_L + "dragX.use", _flag),
    "DragWeight": (_L + "dragX.weight", float),
    "DragXThreshold": (_L + "dragX.threshold", float),
    "MetabolicType": (_M + "type", str),
    "MetabolicWeight": (_M + "weight", float),
    "ScaleMetabolic": (_M + "scale", float),
    "UseMultiplicativeMetabolic": (_M + "multiplicative", _flag),
    "TorqueCoeff": (_M + "torque.coeff", float),
    "KneePainWeight": (_K + "weight", float),
    "ScaleKneePain": (_K + "scale", float),
    "UseMultiplicativeKneePain": (_K + "multiplicative", _flag),
    "UseKneePainTermination": (_K + "termination", _flag),
    "Horizon": ("Horizon", int),
}
_BY_LOWER = {name.lower(): found for name, found in _TAGS.items()}
# Tags of these files that GaitNet reads nothing from.
_IDLE = ("metabolicreward",)


def is_xml(text: str) -> bool:
    """Whether a configuration is one of GaitNet's in XML."""
    return text.lstrip().startswith("<")


def parse_xml(text: str, origin: str) -> dict[str, Any]:
    """Read an environment in XML.

    Args:
        text: elements side by side.
        origin: of the text, for messages.

    Raises:
        ConfigError: it is not XML, has an unknown element, a value that is none, or needs cascaded networks.
    """
    data: dict[str, Any] = {"environment": {"task": "gaitnet"}}
    tags = _tags(text, origin)
    if any(tag.name == "cascading" for tag in tags):
        raise ConfigError(f"{origin}: <cascading>: {CASCADED}.")
    for tag in tags:
        try:
            _read(data, tag)
        except (ValueError, KeyError) as error:
            raise ConfigError(f"{origin}: <{tag.name}>: {error}") from None
    return data


def _tags(text: str, origin: str) -> list[_Tag]:
    """The elements of a file, read as if there were one around them."""
    outer = _Tag("", {})
    above = [outer]

    def start(name: str, attributes: dict[str, str], _line: int) -> None:
        tag = _Tag(name, attributes)
        above[-1].inside.append(tag)
        above.append(tag)

    def write(words: str) -> None:
        above[-1].text += words

    def end() -> None:
        above.pop()

    try:
        scan_xml(origin, f"<all>{text}</all>".encode("utf-8", "replace"), start, end, write)
    except BodyError as error:
        raise ConfigError(str(error)) from None
    return outer.inside[0].inside


def _read(data: dict[str, Any], tag: _Tag) -> None:
    """Write what an element says into plain data."""
    name, text = tag.name.lower(), tag.text.strip()
    if name == "skeleton":
        _set(data, "environment.skeleton.file", text)
        named = {"defaultKp": "kp", "defaultKv": "kv", "damping": "damping"}
        for key, value in tag.attributes.items():
            if key in named:
                _set(data, f"environment.skeleton.{named[key]}", float(value))
            elif key in ("actuator", "actuactor"):
                _set(data, "environment.skeleton.actuator", value)
    elif name in _MOTIONS:
        _set(data, "environment.motion.type", _MOTIONS[name])
        _set(data, "environment.motion.file", text)
        if name == "bvh":
            _set(data, "environment.motion.symmetry", tag.attributes.get("symmetry") == "true")
    elif name == "heightcalibration":
        _set(data, "environment.motion.height_calibration.enabled", _flag(text))
        _set(data, "environment.motion.height_calibration.strict", tag.attributes.get("strict") == "true")
    elif name == "muscleposeoptimization":
        _set(data, "environment.muscle.pose_optimization.enabled", _flag(text))
        if "rot" in tag.attributes:
            _set(data, "environment.muscle.pose_optimization.rot", tag.attributes["rot"])
    elif name == "training":
        for inner in tag.inside:
            _set(data, f"training.{inner.name}", int(inner.text))
    elif name == "parameter":
        _read_parameters(data, tag)
    elif name in _BY_LOWER:
        path, kind = _BY_LOWER[name]
        _set(data, path, kind(text))
        if name == "kneepainweight":
            _set(data, _K + "use", True)
    elif name not in _IDLE:
        raise ValueError(f"there is no such element.{nearest(name, _TAGS)}")


def _read_parameters(data: dict[str, Any], tag: _Tag) -> None:
    for group in tag.inside:
        if group.name not in _GROUPS:
            raise ValueError(
                f"{cut(group.name)}: muscles keep the forces and lengths of their file; expected "
                f"parameters of {', '.join(_GROUPS)}"
            )
        for one in group.inside:
            given: dict[str, Any] = {
                key: float(one.attributes[key]) for key in ("min", "max", "default") if key in one.attributes
            }
            if "sampling" in one.attributes:
                given["sampling"] = one.attributes["sampling"]
            _set(data, f"environment.parameters.{group.name}.{one.name}", given)


def _set(data: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for key in above:
        data = data.setdefault(key, {})
    data[last] = value
