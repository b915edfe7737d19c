import inspect

import numpy as np
import pytest
import torch

from batchenv import BatchEnv, load_config
from batchenv.errors import ConfigError, InputError
from batchenv.mdp import rewards
from batchenv.mdp.terms import Keywords, Section, Term

N, J = 5, 14
SHAPES = {
    "joint_pos": (N, J), "joint_vel": (N, J), "reference_pos": (N, J), "reference_vel": (N, J),
    "tracked": (J,), "joint_range": (J, 2), "reference_root_height": (N,), "reference_root_height_rate": (N,),
    "reference_foot_load": (N, 2),
    "reference_foot_pos": (N, 2, 3),
    "target_speed": (N,), "phase": (N,),
    "root_pos": (N, 3), "root_linvel": (N, 3), "root_angvel": (N, 3), "heading": (N,), "root_up": (N, 3),
    "trunk_up": (N, 3), "com_linvel": (N, 3), "reference_com_speed": (N,),
    "foot_progression": (N, 2), "reference_foot_progression": (N, 2),
    "foot_pos": (N, 2, 3), "foot_load": (N, 2), "foot_load_peak": (N, 2), "activation_squared": (N,),
    "desired_torque": (N, J), "achieved_torque": (N, J), "residual_torque": (N, J), "action": (N, J),
    "previous_action": (N, J), "parameters": (N, 3), "shown_parameters": (N, 3), "episode_time": (N,),
    "head_pos": (N, 3), "yaw_rate": (N,), "command": (N, 2),
    "commanded_speed": (N,), "commanded_yaw_rate": (N,), "off_course": (N,), "behind": (N,), "strayed": (N,),
    "difficulty": (N,), "slope": (N, 2), "action_delay": (N,), "reference_pelvis": (N, 3),
    "effector_pos": (N, 4, 3), "reference_effector_pos": (N, 4, 3), "reference_root_pos": (N, 3),
    "device_torque": (N, 0),
    "root_turn": (N,), "reference_root_linvel": (N, 3), "reference_root_angvel": (N, 3),
}  # fmt: skip
OF_COMMAND = {"off_course", "behind", "strayed", "reference_pelvis", "reference_com_speed"}
OF_COMMAND |= {"foot_progression", "reference_foot_progression"}
OF_TRACK = {"effector_pos", "reference_effector_pos", "root_turn"}
OF_TRACK |= {f"reference_root_{name}" for name in ("pos", "linvel", "angvel")}
OF_WALK = {name: shape for name, shape in SHAPES.items() if name not in OF_COMMAND | OF_TRACK}


REWARD = Section("reward", "environment.reward", (rewards,), tuple(SHAPES))


def term_of(name: str, **keywords) -> Term:
    return resolved({name: keywords})[0]


def resolved(entries: dict[str, Keywords]) -> tuple[Term, ...]:
    return REWARD.resolve(entries)


def values_of(term: Term, quantities):
    """Values of a term, checked as in a step."""
    return term.checked(quantities, (len(quantities["phase"]),))


def random_quantities(seed=0):
    rng = np.random.default_rng(seed)
    q = {name: rng.normal(0.3, 0.3, shape) for name, shape in SHAPES.items()}
    return q | {"difficulty": q["difficulty"].clip(0.0, 0.9)}


def on_the_reference():
    """A walker that does just what it is asked to."""
    q = random_quantities()
    q |= {
        "joint_pos": q["reference_pos"],
        "joint_vel": q["reference_vel"],
        "foot_pos": q["reference_foot_pos"],
        "foot_load": q["reference_foot_load"],
    }
    q["tracked"] = np.ones(J)
    q |= {"previous_action": q["action"], "heading": np.zeros(N), "activation_squared": np.zeros(N)}
    q["root_linvel"][:, 0] = q["commanded_speed"] = q["target_speed"]
    q["com_linvel"][:, 0] = q["reference_com_speed"]
    q |= {"commanded_yaw_rate": q["yaw_rate"], "off_course": np.zeros(N), "behind": np.zeros(N)}
    q |= {"strayed": np.zeros(N), "foot_progression": q["reference_foot_progression"]}
    q |= {"difficulty": np.ones(N), "reference_pelvis": np.zeros((N, 3))}
    q |= {"effector_pos": q["reference_effector_pos"], "root_turn": np.zeros(N)}
    q |= {f"reference_root_{name}": q[f"root_{name}"] for name in ("linvel", "angvel")}
    q["root_pos"] = q["reference_root_pos"] = np.c_[np.ones(N), np.zeros(N), q["reference_root_height"]]
    q |= {
        "root_up": np.tile([0.0, 0.0, 1.0], (N, 1)),
        "trunk_up": np.tile([0.0, 0.0, 1.0], (N, 1)),
        "foot_load_peak": np.full((N, 2), 0.5),
    }
    return q


def test_every_quantity_has_a_shape_here():
    asked = {"environment.commands.walking_velocity": {"speed": [0.0, 2.0]}}
    with BatchEnv(load_config("walk").replace(asked), 2, 1, seed=0) as env:
        env.reset()
        quantities = env.task.quantities(env._batch)
        assert set(OF_WALK) == set(quantities)
        for name, shape in OF_WALK.items():
            sizes = {"parameters": (2, 0), "shown_parameters": (2, 0)}
            expected = tuple(2 if size == N and name != "tracked" else size for size in shape)
            assert quantities[name].shape == sizes.get(name, expected), name


@pytest.mark.parametrize("name", sorted(REWARD.shipped_terms()))
def test_a_term_is_best_on_the_reference(name):
    term = term_of(name)
    best, worse = term(on_the_reference()), term(random_quantities(1))
    cost = name in ("effort", "effort_per_metre", "impact", "joint_limits", "action_rate")
    assert best == pytest.approx(np.full(N, 0.0 if cost else 1.0))
    assert worse.shape == (N,)
    if not cost:
        assert (worse < 1.0).all() and (worse >= 0.0).all()


@pytest.mark.parametrize("name", sorted(REWARD.shipped_terms()))
def test_a_term_is_the_same_function_of_torch_tensors(name):
    term = term_of(name)
    ours = random_quantities(2)
    theirs = {key: torch.tensor(value) for key, value in ours.items()}
    assert term(theirs).numpy() == pytest.approx(term(ours))


@pytest.mark.parametrize("name", sorted(REWARD.shipped_terms()))
def test_a_term_says_what_it_is_and_takes_known_quantities(name):
    function = REWARD.shipped_terms()[name]
    assert function.__doc__
    positional = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    assert {p.name for p in positional} <= set(SHAPES)


def test_hand_made_values():
    q = on_the_reference()
    moved = q | {"joint_pos": q["reference_pos"] + 0.5 * np.eye(J)[3]}
    pose = term_of("pose", scale=2.0)
    assert pose(moved) == pytest.approx(np.exp(-2.0 * 0.25))
    heavy = q | {"foot_load_peak": np.tile([1.5, 2.1], (N, 1))}
    impact = term_of("impact", threshold=1.2)
    assert impact(heavy) == pytest.approx(0.3 + 0.9)


def test_effort_per_metre_is_no_less_than_that_of_slow_walking():
    q = on_the_reference() | {"activation_squared": np.full(N, 0.1)}
    q["target_speed"] = np.array([0.0, 0.25, 0.5, 1.0, 2.0])
    assert term_of("effort_per_metre", slowest=0.5)(q) == pytest.approx([0.2, 0.2, 0.2, 0.1, 0.05])


def test_a_joint_near_its_limit_costs_where_that_of_the_reference_is_not():
    q = on_the_reference()
    limits = np.tile([-np.inf, np.inf], (J, 1))
    limits[3] = 0.0, 2.0
    pos, reference = np.full((N, J), 0.2), np.full((N, J), 0.2)
    pos[:, 3] = 0.15, 0.05, 0.0, -5.0, 1.95
    q |= {"joint_pos": pos, "reference_pos": reference, "joint_range": limits}
    price = term_of("joint_limits", margin=0.1)
    assert price(q) == pytest.approx([0.0, 0.5, 1.0, 2.0, 0.5])
    reference[:, 3] = 0.0  # as in standing
    assert price(q) == pytest.approx([0.0, 0.0, 0.0, 2.0, 0.5])


def own_term(tmp_path, body):
    (tmp_path / "own.py").write_text(f"from batchenv import reward_term\n\n@reward_term\n{body}")
    return f"{tmp_path / 'own.py'}:own"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "def own(joint_poz):\n    return joint_poz",
            "'joint_poz' names no quantity. Did you mean 'joint_pos'?",
        ),
        ("def own(phase, *, limit):\n    return phase", "needs limit"),
        ("def other(phase):\n    return phase", "no reward term 'own'"),
        ("def own(phase):\n    return phase\n1/0", "raised ZeroDivisionError"),
    ],
)
def test_a_term_of_ones_own_that_cannot_be_is_refused(tmp_path, body, message):
    with pytest.raises(ConfigError) as error:
        term_of(own_term(tmp_path, body))
    assert message in str(error.value)


def test_a_term_of_another_shape_is_refused_by_name(tmp_path):
    key = own_term(tmp_path, "def own(joint_pos):\n    return joint_pos")
    term = term_of(key)
    with pytest.raises(
        InputError, match=r"'own' returned shape \(5, 14\), expected one value for each world"
    ):
        values_of(term, on_the_reference())
