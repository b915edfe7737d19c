"""Invalid keys are refused with their path, their value, what is right, and the nearest name."""

import difflib
import math
import re
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from batchenv.config import PRESETS, Config, GaitNetConfig
from tests.config.helpers import TERM, keys, minimal, nested, problems, sections

# What is no key of these terms may be a keyword of theirs, which is checked when they are found.
OPEN = (
    "environment.reward.pose.weight",
    *(f"environment.commands.walking_velocity.{key}" for key in ("every", "again")),
)
MISSPELLABLE = [path for path in keys() if path not in OPEN]


@st.composite
def typos(draw: st.DrawFn) -> tuple[str, str]:
    """A key by its path, and its last name misspelt: a letter doubled, dropped, or swapped with the next."""
    path = draw(st.sampled_from(MISSPELLABLE))
    name = path.rpartition(".")[2]
    i = draw(st.integers(0, len(name) - 1))
    kind = draw(st.sampled_from(["double", "drop", "swap"]))
    if kind == "double":
        return path, name[: i + 1] + name[i:]
    if kind == "drop":
        return path, name[:i] + name[i + 1 :]
    return path, name[:i] + name[i + 1 : i + 2] + name[i : i + 1] + name[i + 2 :]


@given(typos())
@example(("environment.simulation.sim_hz", "sim_hzz"))
@example(("environment.parameters.ground.friction.max", "maxx"))
def test_a_misspelt_key_is_refused_and_the_nearest_is_named(typo: tuple[str, str]):
    path, wrong = typo
    above, _, right = path.rpartition(".")
    siblings = dict(sections())[above].model_fields
    assume(wrong and wrong not in siblings)
    wrong_path = f"{above}.{wrong}".lstrip(".")
    message = problems(nested(wrong_path, None))
    line = next(line for line in message.splitlines() if line.startswith(f"  {wrong_path} = "))
    suggested = re.search("Did you mean '(.*)'", line)
    assert suggested, line
    # A short key may lie as near to a sibling ("k" to kp and kv); none named is less near than the one meant.
    closeness = {name: difflib.SequenceMatcher(None, name, wrong).ratio() for name in (suggested[1], right)}
    assert suggested[1] in siblings
    assert closeness[suggested[1]] >= closeness[right]


def test_a_key_in_the_wrong_section_is_told_where_it_belongs():
    assert (
        "environment.sim_hz = 300: there is no such key here. Did you mean 'environment.simulation.sim_hz'?"
        in problems(minimal(sim_hz=300))
    )


def test_numbers_of_contacts_are_of_mujocos_ranges():
    ground = {"solref": [0.02], "solimp": [0.9, 1.2, 0.001, 0.5, 2]}
    said = problems(minimal(ground=ground))
    assert "environment.ground.solref = [0.02]: give 2 numbers in a list, which are in turn from" in said
    assert "environment.ground.solimp = [0.9, 1.2, 0.001, 0.5, 2]: give 5 numbers in a list" in said


def test_a_key_like_no_other_is_answered_with_the_keys_there_are():
    assert (
        "environment.ground.zzzz = 1: there is no such key. Here stand: friction, solref, solimp."
        in problems(minimal(ground={"zzzz": 1}))
    )


def test_a_misspelt_weight_is_recognised():
    message = problems({"environment": {"reward": {"pose": {"wieght": 1}}}})
    assert "environment.reward.pose.weight: is missing. Did you misspell it as 'wieght'?" in message


def test_a_misspelt_preset_is_refused_with_the_nearest():
    assert problems("wlak") == (
        f"'wlak' is neither a file nor a preset. Did you mean 'walk'? Presets: {', '.join(PRESETS)}."
    )


@pytest.mark.parametrize(
    ("section", "values", "line"),
    [
        ("simulation", {"sim_hz": -3}, "sim_hz = -3: give a number above 0."),
        (
            "simulation",
            {"sim_hz": 100},
            "sim_hz = 100: give a multiple of control_hz = 30, at least twice it",
        ),
        ("simulation", {"sim_hz": 30}, "sim_hz = 30: give a multiple of control_hz = 30, at least twice it"),
        (
            "simulation",
            {"control_hz": 45},
            "sim_hz = 300: give a multiple of control_hz = 45, at least twice",
        ),
        ("simulation", {"sim_hz": 300.5}, "sim_hz = 300.5: give a whole number."),
        ("simulation", {"sim_hz": True}, "sim_hz = true: give a whole number."),
        ("simulation", {"sim_hz": "300"}, "sim_hz = '300': give a whole number."),
        ("simulation", {"integrator": "rk4"}, "integrator = 'rk4': give 'implicitfast' or 'euler'."),
        ("skeleton", {"actuator": "mucsle"}, "Did you mean 'muscle'?"),
        ("skeleton", {"kp": {"knee_angle": -1}}, "kp.knee_angle = -1: give a number of at least 0."),
        ("skeleton", {"kp": {}}, "kp = {}: give at least one."),
        ("skeleton", {"kv": False}, "kv = false: give a number."),
        (
            "skeleton",
            {"file": "myo_sim:"},
            'file = \'myo_sim:\': give "myo_sim:NAME", such as "myo_sim:myolegs".',
        ),
        ("ground", {"friction": True}, "friction = true: give a number."),
        ("ground", None, "ground = null: give a mapping of keys to values, or leave the key out."),
        ("muscle", {"network": {"hidden": []}}, "network.hidden = []: give at least one."),
        ("muscle", {"network": {"hidden": 256}}, "network.hidden = 256: give a list."),
        ("muscle", {"network": {"hidden": [256, 0]}}, "network.hidden.1 = 0: give a number above 0."),
        ("action", {"time_warping": 1}, "time_warping = 1: give a number below 1."),
        (
            "reward",
            {},
            "reward = {}: name at least one reward term with its weight; none is assumed. The presets",
        ),
        ("reward", {"pose": 3}, "pose = 3: give a mapping of keys to values, or leave the key out."),
        ("reward", {"pose": {"weight": 1, "k": {}}}, "k = {}: give a number, true, false, text or a list of"),
        (
            "reward",
            {"pose": {"weight": 1, "k": [[1]]}},
            "k = [[1]]: give a list of at most 100 numbers, or of names.",
        ),
        ("commands", {"walking_velocity": {"every": [5, 2]}}, "every = [5, 2]: give two numbers above 0 and"),
        ("commands", {"walking_velocity": {"every": 2.0}}, "every = 2.0: give two numbers above 0 and up to"),
        ("commands", ["walking_velocity"] * 2, "walking_velocity is listed twice"),
        (
            "reward",
            {"a b": TERM},
            "a b: is refused as a key: give the name of a shipped term",
        ),
        (
            "parameters",
            {"gait": {"strid": {}}},
            "give 'stride' or 'cadence'. Did you mean 'stride'?",
        ),
        (
            "parameters",
            {"ground": {"friction": {"min": 2, "max": 1, "default": 1}}},
            "friction.max = 1: give at least min = 2.0.",
        ),
        (
            "parameters",
            {"ground": {"friction": {"min": 1, "max": 2, "default": 3}}},
            "friction.default = 3: give a number from min = 1.0 to max = 2.0.",
        ),
        ("motion", {"cyclic": False}, "cyclic = false: a walker repeats its motion until the episode ends"),
        ("motion", {"speed": 1e308}, "speed = 1e+308: give a number of at most 20."),
        ("motion", {"period": 1e-300}, "period = 1e-300: give a number of at least 0.1."),
        ("motion", {"joint_scale": {"knee_angle": 1e300}}, "joint_scale.knee_angle = 1e+300: give a number"),
        (
            "parameters",
            {"gait": {"cadence": {"min": 1, "max": 1e300, "default": 1}}},
            "cadence.max = 1e+300: give a number of at most 10.",
        ),
        (
            "muscle",
            {"network": {"hidden": [10**9]}},
            "network.hidden.0 = 1000000000: give a number of at most",
        ),
        ("muscle", {"network": {"hidden": [9] * 9}}, "hidden = [9, 9, 9, 9, 9, 9, 9, 9, 9]: give at most 8."),
        (
            "muscle",
            {"static_optimization": {"sweeps": 10**9}},
            "sweeps = 1000000000: give a number of at most",
        ),
        ("simulation", {"control_hz": 10**4000}, "control_hz = 1000"),
        ("simulation", {"control_hz": 10**5000}, "control_hz = a value of the type int: give a number of at"),
        (
            "episode",
            {"max_seconds": 0.01},
            "max_seconds = 0.01 is less than a step; give at least 1 / control_hz",
        ),
        ("reward", {"pose": {"weight": 1e300}}, "pose.weight = 1e+300: give a number of at most 1,000,000."),
        (
            "reward",
            {"pose": {"weight": 1, "k": 2**64}},
            "pose.k = 18446744073709551616: give a whole number that",
        ),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(section: str, values: Any, line: str):
    message = problems(minimal(**{section: values}))
    assert f"environment.{section}" in message
    assert line in message


@given(st.sampled_from(keys()), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_no_field_takes_a_number_that_is_not_finite(path: str, value: float):
    assert re.search(rf"  {path}.* = .*(nan|inf)", problems(nested(path, value)))


@pytest.mark.parametrize("text", [".nan", ".inf", "-.inf"])
def test_no_argument_of_a_reward_term_takes_a_number_that_is_not_finite(text: str):
    message = problems(f"environment: {{reward: {{pose: {{weight: 1, scale: {text}}}}}}}")
    assert "environment.reward.pose.scale = " in message
    assert "give a finite number" in message


def test_mini_batches_are_not_more_than_samples():
    message = problems({**minimal(), "training": {"num_envs": 1, "num_steps_per_env": 3, "mini_batches": 4}})
    assert "training.mini_batches = 4: give at most num_envs * num_steps_per_env = 3." in message


def test_samples_of_an_update_are_not_more_than_memory_holds():
    message = problems({**minimal(), "training": {"num_envs": 10_000, "num_steps_per_env": 100_000}})
    assert "num_steps_per_env = 100000: num_envs * num_steps_per_env would be 1,000,000,000" in message
    assert "give at most 10000." in message
    assert "training.num_envs = 1000000000: give a number of at most 1,000,000." in problems(
        {**minimal(), "training": {"num_envs": 10**9}}
    )


@pytest.mark.parametrize("whole", [Config, GaitNetConfig])
def test_every_number_has_bounds(whole: type[Config]):
    for path, section in sections(whole):
        for name, field in section.model_fields.items():
            schema = section.model_json_schema()["properties"][name]
            numbers = [kind for kind in _kinds(schema) if kind.get("type") in ("integer", "number")]
            for kind in numbers:
                assert {"minimum", "exclusiveMinimum"} & kind.keys(), f"{path}.{name}"
                assert {"maximum", "exclusiveMaximum"} & kind.keys(), f"{path}.{name}"
            assert numbers or not {field.annotation} & {int, float}, f"{path}.{name}"


def _kinds(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema and those of its alternatives, items and values."""
    inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    inner += [
        value for key in ("items", "additionalProperties") if isinstance(value := schema.get(key), dict)
    ]
    return [schema, *(kind for part in inner for kind in _kinds(part))]


def test_only_the_first_of_many_problems_are_listed():
    message = problems({**minimal(), **{f"key{i}": 1 for i in range(1000)}})
    assert len(message.splitlines()) == 22 and message.endswith("and 980 more")


def test_a_key_of_any_length_is_cut_in_messages():
    assert len(problems({**minimal(), "x" * 50_000: 1})) < 1000


class _Refusing:
    """An object of which nothing can be asked."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    __hash__ = None  # pyright: ignore[reportAssignmentType]


def test_objects_of_any_class_are_refused_by_their_type():
    assert "training.seed = a value of the type _Refusing: give a whole number." in problems(
        {**minimal(), "training": {"seed": _Refusing()}}
    )
    assert "skeleton.actuator = a value of the type _Refusing: give 'mass'" in problems(
        minimal(skeleton={"actuator": _Refusing()})
    )


def test_every_problem_is_listed():
    message = problems({"environment": {"ground": {"friction": -1}}, "training": {"steps": 0, "sede": 1}})
    assert message.splitlines() == [
        "the configuration has 4 problems:",
        "  environment.ground.friction = -1: give a number of at least 0.",
        "  environment.reward = {}: name at least one reward term with its weight; none is assumed. "
        f"The presets {', '.join(PRESETS)} each show a full set.",
        "  training.steps = 0: give a number above 0.",
        "  training.sede = 1: there is no such key. Did you mean 'seed'?",
    ]


def test_a_list_whose_entry_is_refused_is_not_called_empty_too():
    message = problems(minimal(devices={"exo": {"joints": [1], "torque": [[0, 0], [50, 1]]}}))
    assert message.splitlines()[1:] == ["  environment.devices.exo.joints.0 = 1: give text."]
    message = problems(minimal(devices={"exo": {"joints": [], "torque": [[0, 0], [50, 1]]}}))
    assert message.splitlines()[1:] == ["  environment.devices.exo.joints = []: give at least one."]


def test_keys_of_gaitnet_without_a_meaning_are_refused_by_name():
    message = problems(
        minimal(
            advanced={"enforce_symmetry": True},
            skeleton={"damping": 0.1},
            reward={"type": "gaitnet", "metabolic": {"weight": 0.03}},
        )
    )
    for path in ("advanced", "skeleton.damping", "reward.type", "reward.metabolic"):
        assert f"environment.{path}: this key of GaitNet has no meaning here: " in message
