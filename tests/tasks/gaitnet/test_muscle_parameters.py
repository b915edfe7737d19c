"""Muscles whose strength and optimal length differ from world to world."""

import re
from pathlib import Path

import numpy as np
import pytest

from batchenv import BatchEnv, load_config
from batchenv.body.gaitnet.muscle_groups import GROUPS, gaitnet_groups
from batchenv.body.muscle_groups import MUSCLE_GROUPS, selection
from batchenv.body.names import BodyNames
from batchenv.errors import ConfigError
from tests.body.gaitnet.small_gaitnet import MUSCLES
from tests.gaitnet_files import gaitnet_data
from tests.tasks.gaitnet.small_scene import CONFIG, write_scene

VARIED = CONFIG.replace(
    "  parameters:\n",
    "  parameters:\n"
    "    skeleton: {FemurL: {min: 0.9, max: 1.1, sampling: uniform}}\n"
    "    muscle:\n"
    "      strength: {L_Gastroc: {min: 0.2, max: 1.0, sampling: adaptive}, all: {min: 0.5, max: 1.0}}\n"
    "      optimal_length: {Rectus: {min: 0.8, max: 1.0}}\n",
)
OF_MUSCLES = ("muscle.strength.L_Gastroc", "muscle.strength.all", "muscle.optimal_length.Rectus")


def test_weaker_and_shorter_muscles_move_as_those_of_a_file_that_has_them(tmp_path: Path):
    for name in ("given", "changed"):
        (tmp_path / name).mkdir()
        write_scene(tmp_path / name)
    weaker = re.sub(r'f0="(\d+)"', lambda found: f'f0="{0.5 * float(found[1])}"', MUSCLES)
    (tmp_path / "changed" / "muscles.xml").write_text(weaker.replace('lm="0.9"', 'lm="0.72"'))
    half, short = {"min": 0.5, "max": 0.5}, {"min": 0.8, "max": 0.8}
    muscle = {"strength": {"all": half}, "optimal_length": {"left": short, "right": short}}
    config = load_config(tmp_path / "given" / "scene.yaml").replace({"environment.parameters.muscle": muscle})
    with (
        BatchEnv(config, 2, 1, seed=0) as env,
        BatchEnv(tmp_path / "changed" / "scene.yaml", 2, 1, seed=0) as other,
        BatchEnv(tmp_path / "given" / "scene.yaml", 2, 1, seed=0) as usual,
    ):
        assert env.obs_layout == other.obs_layout
        first = env.reset()
        np.testing.assert_allclose(first, other.reset(), rtol=1e-6)
        assert np.abs(first - usual.reset()).max() > 1e-3
        act = np.random.default_rng(0).normal(0.0, 1.0, (10, 2, env.action_dim))
        for each in act:
            np.testing.assert_allclose(env.step(each)[0], other.step(each)[0], rtol=1e-4, atol=1e-5)


def test_worlds_have_muscles_of_their_own_which_the_policy_sees_as_their_twins_in_the_mirror(tmp_path: Path):
    with BatchEnv(write_scene(tmp_path, VARIED), 4, 2, seed=3) as env:
        obs, body = env.reset(), env.task.body
        assert env.parameter_names == ("stride", "cadence", "skeleton.FemurL", *OF_MUSCLES)
        shown = [f"parameter/{name}" for name in (*OF_MUSCLES, "muscle.strength.R_Gastroc")]
        assert [column.name for column in env.obs_layout[-4:]] == shown
        left, whole, short = env.parameters[:, 3:].T
        names = body.muscle_names
        grown = (env.worlds.own("reference_length") / body.paths.lmt_ref) ** 1.5
        factor = env.worlds.own("peak_force") / (body.paths.f0 * np.cos(body.paths.pen) * grown)
        np.testing.assert_allclose(factor[:, names.index("L_Gastroc")], left * whole)
        np.testing.assert_allclose(factor[:, names.index("R_Gastroc")], whole)
        length = env.worlds.own("optimal_length") / body.paths.lm
        np.testing.assert_allclose(length[:, names.index("L_Rectus")], short)
        np.testing.assert_allclose(length[:, names.index("R_Psoas")], 1.0)
        assert len(np.unique(left)) == 4 and left.min() >= 0.2
        mirrored = env.worlds.slot("mirrored")[:, -1] > 0
        assert mirrored.any() and not mirrored.all()
        columns = np.column_stack([left, whole, short, np.ones(4)])
        seen = np.where(mirrored[:, None], columns[:, [3, 1, 2, 0]], columns)
        np.testing.assert_allclose(obs[:, -4:], seen, rtol=1e-6)
        values = env.parameters[:1].copy()
        values[0, 3:] = 1.0, 0.5, 0.9
        env.set_parameters([0], values)
        np.testing.assert_allclose(env.worlds.own("peak_force")[0, 0] / grown[0, 0] / body.paths.f0[0], 0.5)
        env.set_parameters([0], values)  # again: factors are on the usual strength
        np.testing.assert_allclose(env.worlds.own("peak_force")[0, 0] / grown[0, 0] / body.paths.f0[0], 0.5)
        assert np.isfinite(env.step(np.zeros((4, env.action_dim)))[0]).all()


def test_muscles_are_the_same_bits_in_any_batch_and_after_a_snapshot(tmp_path: Path):
    file = write_scene(tmp_path, VARIED)
    act = np.random.default_rng(0).normal(0.0, 1.0, (50, 3, 100))
    with BatchEnv(file, 3, 2, seed=5) as env, BatchEnv(file, 1, 1, seed=5) as one:
        env.reset()
        one.reset()
        n = env.action_dim
        for k in range(10):
            np.testing.assert_array_equal(env.step(act[k, :, :n])[0][:1], one.step(act[k, :1, :n])[0])
        kept = env.snapshot()
        later = [env.step(act[k, :, :n])[0].copy() for k in range(10, 50)]
        env.restore(kept)
        for k in range(10, 50):
            np.testing.assert_array_equal(env.step(act[k, :, :n])[0], later[k - 10])
        missed = env._state.missed  # of the one that is adaptive
        assert missed.shape == (3, 1, 5) and (missed < 1.0).any()


def test_unknown_muscles_and_muscles_without_force_are_refused(tmp_path: Path):
    config = load_config(write_scene(tmp_path))
    weak = {"environment.parameters.muscle": {"strength": {"L_Gastrok": {"min": 0.5, "max": 1}}}}
    with pytest.raises(ConfigError, match="strength.L_Gastrok: .* Did you mean 'L_Gastroc'"):
        BatchEnv(config.replace(weak), 1)
    weak = {"environment.parameters.muscle": {"strength": {"Gastroc": {"min": 0.5, "max": 1}}}}
    with pytest.raises(ConfigError, match="muscles make no force with actuator 'pd'"):
        BatchEnv(config.replace(weak | {"environment.skeleton.actuator": "pd"}), 1)


def test_groups_select_the_strands_of_their_muscles():
    names = ("L_Soleus", "L_Soleus1", "R_Soleus", "R_Soleus1", "L_Plantaris", "R_Gluteus_Medius")
    groups = gaitnet_groups(names)

    def selected(selector: str) -> list[str]:
        mask = selection(selector, names, "", groups, BodyNames(sides=("R_", "L_")))
        return [name for name, chosen in zip(names, mask, strict=True) if chosen]

    assert selected("Soleus") == list(names[:4])
    assert selected("L_Soleus") == ["L_Soleus", "L_Soleus1"]
    assert selected("R_Soleus1") == ["R_Soleus1"]
    assert selected("L_plantarflexors") == ["L_Soleus", "L_Soleus1", "L_Plantaris"]
    assert set(GROUPS) == set(MUSCLE_GROUPS)


def test_all_muscles_of_the_groups_are_in_the_original_file():
    text = (gaitnet_data() / "distribute_lower_only.xml").read_text(encoding="utf-8")
    there = {name.rstrip("0123456789") for name in re.findall(r'name="[LR]_(\w+)"', text)}
    assert {name for members in GROUPS.values() for name in members} <= there


@pytest.mark.slow
def test_the_example_is_a_configuration_on_the_original_files():
    config = load_config(Path(__file__).parents[3] / "examples" / "gaitnet_bodies.yaml", gaitnet_data())
    with BatchEnv(config, 2, 1, seed=0) as env:
        assert np.isfinite(env.reset()).all() and len(env.parameter_names) == 10
        obs, rewards, _ = env.step(np.zeros((2, env.action_dim)))
        assert np.isfinite(obs).all() and (rewards > 0.0).all()
        own = env.worlds.own("peak_force")[0] / env.worlds.own("reference_length")[0] ** 1.5
        ratio = own / (env.worlds.usual("peak_force") / env.worlds.usual("reference_length") ** 1.5)
        values = dict(zip(env.parameter_names, env.parameters[0], strict=True))
        for muscle, group in (("L_Soleus1", "plantarflexors"), ("R_Gluteus_Medius3", "gluteus_medius")):
            found = ratio[env.body.muscle_names.index(muscle)]
            assert found == pytest.approx(values[f"muscle.strength.{group}"])
        assert ratio[env.body.muscle_names.index("L_Gracilis")] == pytest.approx(1.0)
