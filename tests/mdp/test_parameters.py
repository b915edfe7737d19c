import re
from pathlib import Path

import mujoco
import numpy as np
import pytest

from batchenv import BatchEnv, load_config
from batchenv.body.gait_family import with_stride
from batchenv.body.muscle_groups import MUSCLE_GROUPS, selection
from batchenv.errors import ConfigError, InputError, UsageError

DOCUMENT = Path(__file__).parents[2] / "docs" / "parameters.md"
HALF = {"min": 0.25, "max": 1.5, "default": 1.0, "sampling": "fixed"}
DRAWN = {"min": 0.5, "max": 1.5, "default": 1.0}
_NAMES = ("gait.cadence", "body.mass.torso", "ground.friction")


def worlds_with(parameters, num_envs=2, num_threads=1, **changes):
    config = load_config("walk").replace({"environment.parameters": parameters, **changes})
    env = BatchEnv(config, num_envs, num_threads, seed=0)
    env.reset()
    return env


def strength(**selected):
    return {"muscle": {"strength": selected}}


def test_weak_plantarflexors_change_the_ankle_and_leave_the_neighbour_its_bits():
    moments = []
    with worlds_with({}) as usual, worlds_with(strength(plantarflexors=HALF)) as weak:
        weak.set_parameters([1], [[0.5]])
        ankle = usual.body.joint_names.index("ankle_angle_r")
        for _ in range(15):
            for env in (usual, weak):
                env.step(np.zeros((2, env.action_dim)))
            moments.append([env.worlds.mean_of("achieved_sum")[:, ankle].copy() for env in (usual, weak)])
        assert np.array_equal(usual.worlds.qpos[0], weak.worlds.qpos[0])
        assert np.array_equal(usual.worlds.act[0], weak.worlds.act[0])
    apart = np.abs(np.array(moments)[:, 0] - np.array(moments)[:, 1]).max(axis=0)
    assert apart[0] == 0.0 and apart[1] > 5.0  # [Nm]


def test_lengths_of_fiber_and_tendon_are_those_that_mujoco_computes_with():
    both = {"muscle": {"optimal_length": {"soleus_r": HALF}, "tendon_slack": {"soleus_r": HALF}}}
    with worlds_with(both) as env:
        env.set_parameters([0], [[0.8, 1.1]])
        model, muscle = env.worlds.model, env.body.muscle_id[env.body.muscle_names.index("soleus_r")]
        usual = model.actuator_gainprm[muscle]
        ends, reach = usual[:2], model.actuator_lengthrange[muscle]
        fiber = np.ptp(reach) / np.ptp(ends)
        tendon = reach[0] - ends[0] * fiber
        changed = env.worlds.expand("actuator_gainprm")[0, muscle]
        acc0, peak = model.actuator_acc0[muscle], usual[2]

        def gain(length, prm, lengths):
            return mujoco.mju_muscleGain(length, 0.0, lengths, acc0, prm[:9])

        for normal in (0.7, 1.0, 1.2):
            length = 1.1 * tendon + normal * 0.8 * fiber
            same = tendon + normal * fiber
            assert gain(length, changed, reach) == pytest.approx(gain(same, usual, reach), abs=1e-9 * peak)
        assert gain(1.1 * tendon + 0.8 * fiber, changed, reach) == pytest.approx(-peak)
        assert np.array_equal(env.worlds.expand("actuator_gainprm")[1], model.actuator_gainprm)


def test_draws_are_of_the_world_whatever_the_batch_and_last_as_long_as_they_say():
    parameters = {
        "gait": {"cadence": {**DRAWN, "per": "world"}},
        "ground": {"friction": DRAWN},
        "body": {"mass": {"torso": HALF}},
    }
    with worlds_with(parameters, 4, 2) as four, worlds_with(parameters, 2) as two:
        first = four.parameters
        assert np.array_equal(first[:2], two.parameters) and len(np.unique(first[:, [0, 2]])) == 8
        four.set_parameters([3], [[0.7, 1.3, 0.9]])
        four.reset()
        cadence, mass, friction = (four.parameter_names.index(n) for n in _NAMES)
        assert np.array_equal(four.parameters[:3, cadence], first[:3, cadence])
        assert four.parameters[3, mass] == 1.3 and four.parameters[3, cadence] == 0.7
        assert not np.isin(four.parameters[:, friction], [*first[:, friction], 0.9]).any()
        four.reset(seed=0)
        assert np.array_equal(four.parameters, first)


def test_a_share_of_the_episodes_draws_a_parameter_and_the_others_have_the_default():
    mass = {"min": 0.5, "max": 2.0, "default": 1.0}
    parameters = {"body": {"mass": {"torso": {**mass, "chance": 0.25}}}, "ground": {"friction": mass}}
    with (
        worlds_with(parameters, 200) as some,
        worlds_with({**parameters, "body": {"mass": {"torso": mass}}}, 200) as all_,
    ):
        for env in (some, all_):
            env.reset(seed=3)
        drawn = some.parameters[:, 0] != 1.0
        assert 0.15 < drawn.mean() < 0.35
        assert np.array_equal(some.parameters[drawn], all_.parameters[drawn])
        assert np.array_equal(some.parameters[:, 1], all_.parameters[:, 1])


def test_a_snapshot_takes_parameters_along():
    with worlds_with(strength(all=HALF)) as env:
        snapshot = env.snapshot()
        env.step(np.zeros((2, env.action_dim)))
        after = env.worlds.qpos.copy()
        env.set_parameters([0, 1], [[0.5], [0.5]])
        env.restore(snapshot)
        env.step(np.zeros((2, env.action_dim)))
        assert np.array_equal(env.worlds.qpos, after) and (env.parameters == 1.0).all()


def test_stride_and_cadence_change_speed_clock_and_reference():
    with worlds_with({"gait": {"stride": HALF, "cadence": HALF}}) as env, worlds_with({}) as plain:
        task, gait = env.task, env.task.gait
        phase = np.array([0.3, 0.3])
        env.set_parameters([0], [[1.2, 0.8]])
        env._state.phase[:] = plain._state.phase[:] = phase
        seen, usual = (e.task.quantities(e._batch) for e in (env, plain))
        assert seen["target_speed"] == pytest.approx([1.2 * 0.8 * gait.speed, gait.speed])
        for name in ("reference_pos", "reference_vel", "reference_foot_pos"):
            assert seen[name][1] == pytest.approx(usual[name][1], abs=1e-9)
        longer = with_stride(gait, env.body, 1.2).sample(phase[:1])
        assert seen["reference_pos"][0] == pytest.approx(longer.joint_pos[0], abs=1e-9)
        assert seen["reference_vel"][0] == pytest.approx(0.8 * longer.joint_vel[0], abs=1e-9)
        # Between the tabulated strides, feet are interpolated: within 3 mm, over strides 0.3 apart.
        assert seen["reference_foot_pos"][0] == pytest.approx(longer.foot_pos[0], abs=3e-3)
        task.advance(env._batch)
        step = env.control_dt / gait.period
        assert env._state.phase == pytest.approx([0.3 + 0.8 * step, 0.3 + step])


def test_longer_strides_put_the_feet_further_apart():
    with worlds_with({}) as env:
        strike = np.array([0.0])
        steps = [
            np.ptp(with_stride(env.task.gait, env.body, stride).foot_pos(strike)[0, :, 0])
            for stride in (0.8, 1.0, 1.2)
        ]
    assert steps[0] < 0.9 * steps[1] and steps[2] > 1.1 * steps[1]


def test_observed_parameters_are_named_and_their_mirror_swaps_the_sides():
    parameters = strength(soleus_r=DRAWN, hamstrings_l=DRAWN, hamstrings_r=DRAWN)
    with worlds_with(parameters, **{"environment.observation.parameters": True}) as env:
        names = [column.name.removeprefix("parameter/muscle.strength.") for column in env.obs_layout[-4:]]
        assert names == ["soleus_r", "hamstrings_l", "hamstrings_r", "soleus_l"]
        seen = env.set_parameters([0], [[0.5, 0.7, 0.9]])
        assert seen[0, -4:] == pytest.approx([0.5, 0.7, 0.9, 1.0])
        assert env.mirror_obs(seen)[0, -4:] == pytest.approx([1.0, 0.9, 0.7, 0.5])


@pytest.mark.parametrize(
    ("ids", "values", "message"),
    [
        ([0], [[2.0]], "'muscle.strength.soleus' is 2.0 in row 0; expected a number from min = 0.25 to max"),
        ([0], [[np.nan]], "is nan in row 0"),
        ([0], [1.0], "shape"),
        ([2], [[1.0]], "different whole numbers from 0 to 1"),
        ([1, 1], [[1.0], [1.0]], "different whole numbers"),
    ],
)
def test_parameters_that_cannot_be_are_refused_and_change_nothing(ids, values, message):
    with worlds_with(strength(soleus=HALF)) as env:
        with pytest.raises(InputError, match=message):
            env.set_parameters(ids, values)
        assert (env.parameters == 1.0).all()


def test_parameters_before_the_first_reset_are_refused():
    with BatchEnv("walk", 1, seed=0) as env, pytest.raises(UsageError, match="before all worlds were reset"):
        env.set_parameters([0], np.zeros((1, 0)))


@pytest.mark.parametrize(
    ("parameters", "changes", "message"),
    [
        (strength(plantarflexor=HALF), {}, "Did you mean 'plantarflexors'?"),
        ({"body": {"mass": {"tibai": HALF}}}, {}, "Did you mean 'tibia'?"),
        (strength(soleus=HALF), {"environment.skeleton.actuator": "pd"}, "muscles make no force"),
    ],
)
def test_a_selector_that_means_nothing_is_refused_with_the_nearest(parameters, changes, message):
    config = load_config("walk").replace({"environment.parameters": parameters, **changes})
    with pytest.raises(ConfigError) as error:
        BatchEnv(config, 1)
    assert message in str(error.value)


def test_every_group_names_muscles_of_the_body_on_both_sides(body):
    for group, members in MUSCLE_GROUPS.items():
        chosen = selection(group, body.muscle_names, "here")
        assert chosen.sum() == 2 * len(members)
        assert np.array_equal(selection(f"{group}_l", body.muscle_names, "here"), _lefts(body) & chosen)


def _lefts(body):
    return np.array([name.endswith("_l") for name in body.muscle_names])


@pytest.mark.parametrize("preset", ["weak_gluteus", "drop_foot", "crouch"])
def test_a_pathology_is_a_body_of_walk_with_other_muscles(preset):
    pathology, walk = load_config(preset), load_config("walk")
    same = pathology.replace({"environment.parameters": {}, "training.symmetry": walk.training.symmetry})
    assert same == walk and pathology.environment.parameters.by_name
    with BatchEnv(pathology, 1, seed=0) as env:
        env.reset()
        changed = env.worlds.expand("actuator_gainprm")[0] != env.worlds.model.actuator_gainprm
        assert changed.any()


def test_the_example_of_the_document_is_a_configuration(tmp_path):
    if not DOCUMENT.exists():
        pytest.skip("installed without its documents")
    example, robust = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert load_config(robust).environment.curriculum is not None
    (tmp_path / "bodies.yaml").write_text(example)
    with BatchEnv(tmp_path / "bodies.yaml", 2, 1, seed=0) as env:
        env.reset()
        assert {"gait.stride", "muscle.tendon_slack.soleus", "ground.friction"} <= set(env.parameter_names)
        assert (np.ptp(env.parameters, axis=0) > 0.0).all()
