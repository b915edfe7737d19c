"""Configurations: what is accepted stays the same when written and read, what cannot be meant is refused by path."""

import difflib
import doctest
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pydantic
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import batchenv.config
from batchenv.config import PRESETS, Config, load_config, resolve_path
from batchenv.errors import ConfigError

TERM = {"weight": 1.0}


def minimal(**sections: Any) -> dict[str, Any]:
    return {"environment": {"reward": {"pose": TERM}, **sections}}


def problems(source: Any, **arguments: Any) -> str:
    with pytest.raises(ConfigError) as error:
        load_config(source, **arguments)
    return str(error.value)


def sections(
    model: type[pydantic.BaseModel], path: str = ""
) -> Iterator[tuple[str, type[pydantic.BaseModel]]]:
    """Every section of a configuration by its path."""
    yield path, model
    for name, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
                yield from sections(kind, f"{path}.{name}".lstrip("."))


KEYS = [f"{path}.{name}".lstrip(".") for path, model in sections(Config) for name in model.model_fields]


# --- what there is ---------------------------------------------------------------------------------------------------


def test_presets_are_the_three_shipped():
    assert PRESETS == ("excite", "torque", "walk")


@pytest.mark.parametrize(("preset", "actuator"), [("walk", "mass"), ("excite", "muscle"), ("torque", "pd")])
def test_a_preset_loads_by_name_and_as_text(preset: str, actuator: str):
    config = load_config(preset)
    assert config.environment.skeleton.actuator == actuator
    file = Path(batchenv.config.__file__).parent.parent / "presets" / f"{preset}.yaml"
    assert load_config(file.read_text()) == config
    assert load_config(file) == config


def test_excite_acts_on_the_muscles_without_a_reference():
    action = load_config("excite").environment.action
    assert (action.scale, action.residual) == (1.0, False)


def test_every_field_has_a_sentence_and_every_number_a_unit():
    for path, model in sections(Config):
        for name, field in model.model_fields.items():
            description = field.description or ""
            assert description.endswith("."), f"{path}.{name}"
            kinds = {field.annotation, *get_args(field.annotation)}
            if kinds & {int, float}:
                assert re.search(r"\[[^\]]+\]", description), f"{path}.{name} has no unit"


def test_a_configuration_is_frozen():
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        load_config("walk").training.steps = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_a_loaded_configuration_is_taken_as_it_is():
    config = load_config("walk")
    assert load_config(config) is config


@pytest.mark.parametrize("module", [batchenv.config.load, batchenv.config.paths])
def test_examples_in_docstrings_run(module: Any):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


# --- written and read again ------------------------------------------------------------------------------------------


def numbers(low: float, high: float, **bounds: bool) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, **bounds)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


positive = numbers(0, 1e6, exclude_min=True)
counts = st.integers(1, 10_000)
layers = st.lists(st.integers(1, 4096), min_size=1, max_size=5)
names = st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True)
gains = numbers(0, 1e6) | st.dictionaries(st.text(max_size=8), numbers(0, 1e6), min_size=1, max_size=4)
arguments = st.booleans() | st.integers() | numbers(-1e300, 1e300) | st.text()
terms = st.builds(
    lambda weight, more: {**more, "weight": weight},
    numbers(-1e6, 1e6),
    st.dictionaries(names, arguments, max_size=3),
)
clocks = st.integers(1, 200).flatmap(
    lambda control_hz: st.fixed_dictionaries(
        {"control_hz": st.just(control_hz), "sim_hz": st.integers(2, 50).map(lambda n: n * control_hz)},
        optional={"inference_per_sim": counts, "integrator": st.sampled_from(["implicitfast", "euler"])},
    )
)
ranges = (
    st.lists(positive, min_size=3, max_size=3)
    .map(sorted)
    .flatmap(
        lambda v: st.fixed_dictionaries(
            {"min": st.just(v[0]), "default": st.just(v[1]), "max": st.just(v[2])},
            optional={"sampling": st.sampled_from(["uniform", "normal", "fixed"])},
        )
    )
)
environments = st.fixed_dictionaries(
    {
        "reward": st.dictionaries(
            names.filter(lambda name: name not in {"type", "eoe_type", "clip"}), terms, min_size=1, max_size=4
        )
    },
    optional={
        "skeleton": some(
            file=st.just("myo_sim:myolegs"),
            actuator=st.sampled_from(["mass", "muscle", "pd", "tor"]),
            kp=gains,
            kv=st.none() | gains,
        ),
        "ground": some(friction=numbers(0, 10)),
        "motion": some(cyclic=st.booleans(), period=positive, speed=positive),
        "muscle": some(
            coordinator=st.sampled_from(["static_optimization", "network"]),
            activation_dynamics=st.booleans(),
            static_optimization=some(sweeps=counts, regularization=positive),
            network=some(hidden=layers, cascaded=st.booleans(), tuples=st.booleans()),
        ),
        "simulation": clocks,
        "action": some(scale=positive, residual=st.booleans(), time_warping=numbers(0, 0.99)),
        "termination": some(min_height=numbers(0, 0.99), max_tilt=numbers(0.01, 3), max_drift=positive),
        "episode": some(max_seconds=positive),
        "reset": some(joint_noise=numbers(0, 1), velocity_noise=numbers(0, 1)),
        "parameters": some(friction=ranges, mass=ranges, muscle_strength=ranges),
    },
)
trainings = some(
    steps=st.integers(1, 10**12),
    num_envs=st.integers(4, 4096),
    seed=st.integers(0, 2**63 - 1),
    hidden=layers,
    learning_rate=numbers(1e-12, 1),
    gamma=numbers(0.01, 1),
    symmetry=st.booleans(),
)


@given(environment=environments, training=trainings)
def test_a_configuration_written_and_read_again_is_equal(
    environment: dict[str, Any], training: dict[str, Any]
):
    config = load_config({"environment": environment, "training": training})
    assert load_config(config.to_yaml()) == config
    assert config.replace({}) == config


@given(environment=environments)
def test_every_value_given_is_the_value_held(environment: dict[str, Any]):
    held = load_config({"environment": environment}).model_dump()["environment"]

    def compare(given_: Any, held_: Any) -> None:
        if isinstance(given_, dict):
            assert given_.keys() <= held_.keys()
            for key, value in given_.items():
                compare(value, held_[key])
        else:
            assert held_ == (tuple(given_) if isinstance(given_, list) else given_)

    compare(environment, held)


def test_numbers_with_an_exponent_but_no_point_are_numbers():
    assert (
        load_config("environment: {reward: {pose: {weight: 1e-3}}}").environment.reward["pose"].weight
        == 0.001
    )


# --- typing errors in keys -------------------------------------------------------------------------------------------


@st.composite
def typos(draw: st.DrawFn) -> tuple[str, str]:
    """A key by its dotted path, and its last name misspelt: a letter doubled, dropped, or swapped with the next."""
    path = draw(st.sampled_from(KEYS))
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
def test_a_misspelt_key_is_refused_and_the_nearest_is_named(typo: tuple[str, str]):
    path, wrong = typo
    above, _, right = path.rpartition(".")
    siblings = dict(sections(Config))[above].model_fields
    assume(wrong and wrong not in siblings)
    data: dict[str, Any] = minimal()
    inner = data
    for part in filter(None, above.split(".")):
        inner = inner.setdefault(part, {})
    inner[wrong] = None
    message = problems(data)
    line = next(
        line for line in message.splitlines() if line.startswith(f"  {above}.{wrong}".replace(" .", " "))
    )
    suggested = re.search("Did you mean '(.*)'", line)
    assert suggested, line
    # A short key may lie as near to a sibling ("k" to kp and kv), never nearer to the one named than to the one meant.
    closeness = {name: difflib.SequenceMatcher(None, name, wrong).ratio() for name in (suggested[1], right)}
    assert suggested[1] in siblings
    assert closeness[suggested[1]] >= closeness[right]


def test_a_key_in_the_wrong_section_is_told_where_it_belongs():
    assert (
        "environment.sim_hz = 300: there is no such key here. Did you mean 'environment.simulation.sim_hz'?"
        in problems(minimal(sim_hz=300))
    )


def test_a_key_like_no_other_is_answered_with_the_keys_there_are():
    assert "environment.ground.zzzz = 1: there is no such key. Here stand: friction." in problems(
        minimal(ground={"zzzz": 1})
    )


def test_a_misspelt_weight_is_recognised():
    message = problems({"environment": {"reward": {"pose": {"wieght": 1}}}})
    assert "environment.reward.pose.weight: is missing. Is it meant by 'wieght'?" in message


def test_a_misspelt_preset_is_refused_with_the_nearest():
    assert problems("wlak") == (
        "'wlak' is neither a file nor a preset. Did you mean 'walk'? Presets: excite, torque, walk."
    )


# --- values ----------------------------------------------------------------------------------------------------------


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
        ("simulation", {"sim_hz": 300.0}, "sim_hz = 300.0: give a whole number."),
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
        ("muscle", {"network": {"hidden": 256}}, "network.hidden = 256: give a list, such as [256, 256]."),
        ("muscle", {"network": {"hidden": [256, 0]}}, "network.hidden.1 = 0: give a number above 0."),
        ("action", {"time_warping": 1}, "time_warping = 1: give a number below 1.0."),
        (
            "reward",
            {},
            "reward = {}: name at least one reward term with its weight; none is assumed. The presets",
        ),
        ("reward", {"pose": 3}, "pose = 3: give a mapping of keys to values, or leave the key out."),
        ("reward", {"pose": {"weight": 1, "k": [1]}}, "pose.k = [1]: give a number, true, false or text."),
        (
            "reward",
            {"a b": TERM},
            "a b: not a key that can stand here: give the name of a shipped reward term",
        ),
        (
            "parameters",
            {"frcton": {}},
            "give 'friction', 'mass' or 'muscle_strength'. Did you mean 'friction'?",
        ),
        (
            "parameters",
            {"mass": {"min": 2, "max": 1, "default": 1}},
            "mass.max = 1: give at least min = 2.0.",
        ),
        (
            "parameters",
            {"mass": {"min": 1, "max": 2, "default": 3}},
            "mass.default = 3: give a number from min = 1.0 to max = 2.0.",
        ),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(section: str, values: Any, line: str):
    message = problems(minimal(**{section: values}))
    assert f"environment.{section}" in message
    assert line in message


@given(st.sampled_from(KEYS), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_no_field_takes_a_number_that_is_not_finite(path: str, value: float):
    data: dict[str, Any] = minimal()
    inner = data
    *above, name = path.split(".")
    for part in above:
        inner = inner.setdefault(part, {})
    inner[name] = value
    assert re.search(rf"{path}.* = .*(nan|inf)", problems(data))


@pytest.mark.parametrize("text", [".nan", ".inf", "-.inf"])
def test_no_argument_of_a_reward_term_takes_a_number_that_is_not_finite(text: str):
    message = problems(f"environment: {{reward: {{pose: {{weight: 1, scale: {text}}}}}}}")
    assert "environment.reward.pose.scale = " in message
    assert "give a finite number" in message


def test_mini_batches_are_not_more_than_samples():
    message = problems({**minimal(), "training": {"num_envs": 1, "num_steps_per_env": 3, "mini_batches": 4}})
    assert "training.mini_batches = 4: give at most num_envs * num_steps_per_env = 3." in message


def test_every_problem_is_listed():
    message = problems({"environment": {"ground": {"friction": -1}}, "training": {"steps": 0, "sede": 1}})
    assert message.splitlines() == [
        "the configuration has 4 problems:",
        "  environment.ground.friction = -1: give a number of at least 0.",
        "  environment.reward = {}: name at least one reward term with its weight; none is assumed. The presets "
        "excite, torque, walk each show a full set.",
        "  training.steps = 0: give a number above 0.",
        "  training.sede = 1: there is no such key. Did you mean 'seed'?",
    ]


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


# --- YAML ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the YAML text is empty; give a mapping"),
        ("# nothing\n", "the YAML text is empty; give a mapping"),
        ("- 1\n- 2\n", "the YAML text is a list; give a mapping"),
        ("[1, 2]", "the YAML text is a list; give a mapping"),
        ("42\n", "the YAML text is one value, 42; give a mapping"),
        ("environment:\n  a: b: c\n", "the YAML text is not YAML: line 2, column 7: mapping values are not"),
        ("a: 1\nb: \x00\n", "the YAML text is not YAML: line 2: the character '\\x00' cannot stand in YAML"),
        ("b:\n  c: 1\n  d: 2\n  c: 3\n", "the YAML text, line 4: b.c is said twice, first in line 2"),
        ("{a: 1, a: 2}", "the YAML text, line 1: a is said twice, first in line 1"),
        ("a: [{b: 1, b: 2}]", "the YAML text, line 1: a.b is said twice, first in line 1"),
        ("a: &a {b: *a}", "the YAML text, line 1: a.b contains itself"),
        ("? [1]\n: 2\n", "the YAML text, line 1: a key is text, not a list or a mapping"),
        ("1: 2\n", "1: not a key that can stand here: keys are text."),
        ("a: !!python/name:os.system x\n", "could not determine a constructor for the tag"),
        ("a: 2020-99-99\n", "the YAML text has a value that cannot be read: month must be in 1..12"),
        ("a: {" * 5000, "the YAML text is nested too deeply to be read"),
        ("environment:\ntraining:\n", "environment = null: give a mapping of keys to values"),
    ],
)
def test_text_that_is_no_configuration_is_refused(text: str, message: str):
    assert message in problems(text)


@pytest.mark.parametrize("source", [None, 3, b"walk", ["walk"]])
def test_a_source_of_another_kind_is_refused(source: Any):
    assert f"not a {type(source).__name__}" in problems(source)


@given(st.text())
@example("x" * 5000)
@example("a\0b")
def test_no_text_raises_anything_but_a_config_error(text: str):
    assume(text not in PRESETS)
    problems(text)


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_data_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BATCHENV_DATA", raising=False)


def test_a_file_that_is_not_there_is_refused_with_where_it_was_looked_for(
    tmp_path: Path, no_data_variable: None
):
    message = problems(
        minimal(
            skeleton={"file": "body.xml"},
            motion={"file": "@data/ref_gait_myosuite.csv"},
            muscle={"network": {"file": str(tmp_path / "net.npz")}},
            reward={"mine.py:term": TERM},
        ),
        data_root=tmp_path,
    )
    assert f"there is no file {Path.cwd() / 'body.xml'}" in message
    assert (
        f"no data directory has ref_gait_myosuite.csv (looked in {resolve_path('@data/SOURCES.md').parent}, "
        in message
    )
    assert f"{tmp_path}). Did you mean 'ref_gait_myosuite_sym.csv'?" in message
    assert (
        f"environment.muscle.network.file = '{tmp_path}/net.npz': there is no file {tmp_path}/net.npz."
        in message
    )
    assert f"there is no file {Path.cwd() / 'mine.py'}" in message


def test_relative_paths_start_from_the_yaml_file_and_become_absolute(tmp_path: Path):
    (tmp_path / "body.xml").touch()
    (tmp_path / "mine.py").touch()
    file = tmp_path / "my.yaml"
    file.write_text(
        "environment: {skeleton: {file: body.xml}, reward: {'./mine.py:term': {weight: 1, k: 2}}}"
    )
    config = load_config(str(file))
    assert config.environment.skeleton.file == str(tmp_path / "body.xml")
    assert list(config.environment.reward) == [f"{tmp_path}/mine.py:term"]
    assert config.environment.reward[f"{tmp_path}/mine.py:term"].arguments == {"k": 2}
    assert config.resolve_path("mine.py") == tmp_path / "mine.py"
    assert load_config(config.to_yaml()) == config


def test_one_reward_term_under_two_names_is_refused(tmp_path: Path):
    (tmp_path / "mine.py").touch()
    reward = {f"{tmp_path}/mine.py:term": TERM, f"{tmp_path}/./mine.py:term": TERM}
    assert "two keys name the same file and function" in problems(minimal(reward=reward))


def test_data_is_looked_for_in_the_package_then_the_root_then_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    roots = tmp_path / "root", tmp_path / "variable"
    for root in roots:
        root.mkdir()
        (root / "human_emg_onoff.csv").touch()
        (root / "both.csv").touch()
    (roots[1] / "variable_only.csv").touch()
    monkeypatch.setenv("BATCHENV_DATA", str(roots[1]))
    find = lambda name: resolve_path(f"@data/{name}", data_root=roots[0]).parent  # noqa: E731
    assert find("human_emg_onoff.csv") == Path(batchenv.config.__file__).parent.parent / "data"
    assert find("both.csv") == roots[0]
    assert find("variable_only.csv") == roots[1]


def test_data_found_only_under_the_root_is_absolute_and_other_data_stays_as_written(tmp_path: Path):
    (tmp_path / "gait.csv").touch()
    config = load_config(minimal(motion={"file": "@data/gait.csv"}), data_root=tmp_path)
    assert config.environment.motion.file == str(tmp_path / "gait.csv")
    assert load_config("walk").environment.motion.file == "@data/ref_gait_myosuite_sym.csv"


def test_a_data_root_or_yaml_file_that_is_not_there_is_refused(tmp_path: Path):
    assert "data_root = '/nowhere': there is no such directory" in problems("walk", data_root="/nowhere")
    assert f"'{tmp_path}' is neither a file nor a preset." in problems(tmp_path)
    assert "'nowhere.yaml' is neither a file nor a preset." in problems("nowhere.yaml")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    assert f"{file} is not UTF-8 text" in problems(file)


# --- changes ---------------------------------------------------------------------------------------------------------


def test_replace_changes_values_by_path_and_leaves_the_original(tmp_path: Path):
    (tmp_path / "mine.py").touch()
    own = f"{tmp_path}/mine.py:term"
    walk = load_config("walk")
    changed = walk.replace(
        {
            "training.steps": 20_000,
            "environment.skeleton.kp.knee_angle": 300,
            "environment.reward.pose.weight": 2,
            f"environment.reward.{own}.weight": 3,
            "environment.parameters": {"mass": {"min": 0.9, "max": 1.1, "default": 1}},
        }
    )
    assert changed.training.steps == 20_000
    assert changed.environment.skeleton.kp == {
        **walk.model_dump()["environment"]["skeleton"]["kp"],
        "knee_angle": 300,
    }
    assert changed.environment.reward["pose"].weight == 2
    assert changed.environment.reward[own].weight == 3
    assert changed.replace({f"environment.reward.{own}.weight": 4}).environment.reward[own].weight == 4
    assert changed.environment.parameters["mass"].max == 1.1
    assert walk == load_config("walk") != changed


def test_replace_refuses_what_loading_refuses():
    with pytest.raises(ConfigError) as error:
        load_config("walk").replace({"training.stps": 1, "training.seed.x": 1})
    assert "training.stps = 1: there is no such key. Did you mean 'steps'?" in str(error.value)
    assert "training.seed = {'x': 1}: give a whole number." in str(error.value)
