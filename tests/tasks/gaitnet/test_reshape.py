"""Bodies whose segments scale and twist: against files that are scaled, and from world to world."""

import re
from pathlib import Path

import mujoco
import numpy as np
import pytest

from batchenv import BatchEnv, load_config
from batchenv.body.gaitnet import GaitNetBody, frames, load_gaitnet_body
from batchenv.body.gaitnet.reshaped import Growth, reshaped
from batchenv.errors import ConfigError
from tests.body.gaitnet.small_gaitnet import MUSCLES, write_files
from tests.engine.small_worlds import WITH_HEAD
from tests.tasks.gaitnet.small_scene import CONFIG, write_scene

RATIO = 0.8
VARIED = CONFIG.replace(
    "  parameters:\n",
    "  parameters:\n"
    "    skeleton: {global: {min: 0.8, max: 1.0}, FemurL: {min: 0.9, max: 1.1, sampling: uniform},"
    " FemurR: {min: 0.9, max: 1.1, sampling: uniform}}\n"
    "    torsion: {FemurL: {min: -0.5, max: 0.5, sampling: uniform}}\n",
)


def scaled(text: str, ratio: float) -> str:
    """A file in which all lengths, masses and peak forces are those of a body of another size."""

    def numbers(pattern: str, factor: float, text: str) -> str:
        def grown(found: re.Match[str]) -> str:
            words = " ".join(repr(factor * float(word)) for word in found[2].split())
            return f'{found[1]}="{words}"'

        return re.sub(rf'\b({pattern})="([^"]*)"', grown, text)

    text = numbers("size|radius|height|translation|p", ratio, text)
    text = numbers("f0", ratio**1.5, numbers("mass", ratio**3, text))
    return text.replace("<Joint ", f'<Joint damping="{0.4 * ratio**2.5!r}" ')


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> GaitNetBody:
    return load_gaitnet_body(*write_files(tmp_path_factory.mktemp("body"), WITH_HEAD, MUSCLES))


def test_smaller_body_moves_as_that_of_a_scaled_file(tmp_path: Path):
    """But for its head, which keeps its size."""
    for name in ("whole", "small"):
        (tmp_path / name).mkdir()
        write_scene(tmp_path / name)
    write_files(tmp_path / "small", scaled(WITH_HEAD, RATIO), scaled(MUSCLES, RATIO))
    config = load_config(tmp_path / "whole" / "scene.yaml")
    shrunk = config.replace({"environment.parameters.skeleton": {"global": {"min": RATIO, "max": RATIO}}})
    with (
        BatchEnv(shrunk, 2, 1, seed=0) as env,
        BatchEnv(tmp_path / "small" / "scene.yaml", 2, 1, seed=0) as other,
    ):
        env.reset()
        other.reset()
        head = env.task.body.body_id[env.task.body.skeleton.index("Head")]
        # A head of its own size stands on the file's neck; give both the same one.
        for name in ("body_mass", "body_inertia", "body_pos", "body_ipos"):
            other.worlds.expand(name)[:, head] = env.worlds.expand(name)[:, head]
        other.worlds.batch.set_const()
        other.worlds.own("ball_weight")[:] = env.worlds.own("ball_weight")
        qpos, qvel = env.worlds.qpos.copy(), env.worlds.qvel.copy()
        for worlds in (env.worlds, other.worlds):
            worlds.reset(np.arange(2), qpos, qvel)
            target = np.zeros((2, env.task.body.skeleton.num_dof))
            worlds.set_targets(target)
            worlds.slot("mirrored")[:] = 0.0
            worlds.step()
        assert np.abs(env.worlds.qvel - qvel).max() > 1e-2
        np.testing.assert_allclose(env.worlds.qpos, other.worlds.qpos, atol=1e-7)
        np.testing.assert_allclose(
            env.worlds.slot("passive_torque"), other.worlds.slot("passive_torque"), atol=1e-4
        )


def test_twist_turns_what_hangs_on_a_segment_about_its_long_axis(body: GaitNetBody):
    twist = 0.4
    shape = reshaped(body, Growth.of(body.skeleton, ["torsion.FemurL"], np.array([[0.0], [twist]])))
    at = frames(body.skeleton, np.zeros((2, body.skeleton.num_dof)), shape.joints)
    hip, thigh, shank = (body.skeleton.index(name) for name in ("FemurL", "FemurL", "TibiaL"))
    np.testing.assert_allclose(at.joint_R[1, hip], at.joint_R[0, hip])
    along = body.skeleton.T_joint[hip, :3, :3] @ np.array([0.0, 1.0, 0.0])
    for part in (thigh, shank):
        turned = at.body_R[1, part] @ at.body_R[0, part].T
        angle = np.arccos(np.clip((np.trace(turned) - 1.0) / 2.0, -1.0, 1.0))
        assert angle == pytest.approx(twist)
        np.testing.assert_allclose(turned @ along, along, atol=1e-12)
    other = body.skeleton.index("TibiaR")
    np.testing.assert_allclose(at.body_p[1, other], at.body_p[0, other])


def test_longer_thigh_carries_its_way_points_and_makes_its_muscles_stronger(body: GaitNetBody):
    shape = reshaped(body, Growth.of(body.skeleton, ["skeleton.FemurL"], np.array([[1.0], [1.2]])))
    names = body.paths.names
    longer, same = names.index("L_Psoas"), names.index("R_Psoas")
    assert shape.reference_length[1, longer] > shape.reference_length[0, longer]
    np.testing.assert_allclose(shape.reference_length[:, same], body.paths.lmt_ref[same])
    ratio = shape.reference_length[1] / shape.reference_length[0]
    np.testing.assert_allclose(shape.peak_force[1] / shape.peak_force[0], ratio**1.5)
    thigh = body.skeleton.index("FemurL")
    np.testing.assert_allclose(shape.mass[1, thigh], 1.2 * body.skeleton.mass[thigh])


def test_worlds_have_bodies_of_their_own_where_mujoco_and_the_task_see_them(tmp_path: Path):
    with BatchEnv(write_scene(tmp_path, VARIED), 4, 2, seed=3) as env:
        obs, task = env.reset(), env.task
        names = (
            "stride",
            "cadence",
            "skeleton.global",
            "skeleton.FemurL",
            "skeleton.FemurR",
            "torsion.FemurL",
        )
        assert env.parameter_names == names
        columns = [c.name for c in env.obs_layout[-6:]]
        assert columns == [f"parameter/{name}" for name in names]
        growth = task.growth(env._state)
        at = frames(
            task.body.skeleton, task.body.from_qpos(env.worlds.qpos), reshaped(task.body, growth).joints
        )
        np.testing.assert_allclose(env.worlds.bind("xipos")[:, task.body.body_id], at.body_p, atol=1e-9)
        rotation = env.worlds.bind("ximat")[:, task.body.body_id].reshape(at.body_R.shape)
        np.testing.assert_allclose(rotation, at.body_R, atol=1e-9)
        mass = env.worlds.expand("body_mass")[:, task.body.body_id]
        np.testing.assert_allclose(mass, task.body.skeleton.mass * growth.scale.prod(axis=2))
        assert len(np.unique(mass.sum(axis=1))) == 4
        mirrored = env.worlds.slot("mirrored")[:, -1] > 0
        seen = np.where(mirrored[:, None], env.parameters[:, [0, 1, 2, 4, 3, 5]], env.parameters)
        np.testing.assert_allclose(obs[:, -6:], seen, rtol=1e-6)
        cycle = task.motion.period / env.parameters[:, 1] * np.sqrt(env.parameters[:, 2])
        np.testing.assert_allclose(task.cycle(env._state), cycle)


def test_bodies_are_the_same_bits_in_any_batch_and_after_a_snapshot(tmp_path: Path):
    file = write_scene(tmp_path, VARIED)
    act = np.random.default_rng(0).normal(0.0, 1.0, (60, 3, 100))
    with BatchEnv(file, 3, 2, seed=5) as env, BatchEnv(file, 1, 1, seed=5) as one:
        env.reset()
        one.reset()
        n = env.action_dim
        for k in range(20):
            obs, _, _ = env.step(act[k, :, :n])
            alone, _, _ = one.step(act[k, :1, :n])
            np.testing.assert_array_equal(obs[:1], alone)
        kept = env.snapshot()
        later = [env.step(act[k, :, :n])[0].copy() for k in range(20, 60)]
        env.restore(kept)
        for k in range(20, 60):
            np.testing.assert_array_equal(env.step(act[k, :, :n])[0], later[k - 20])


def test_parameters_of_worlds_can_be_set(tmp_path: Path):
    with BatchEnv(write_scene(tmp_path, VARIED), 2, 1, seed=5) as env:
        env.reset()
        values = np.array([[1.0, 1.0, 0.9, 1.05, 1.0, 0.1]])
        env.set_parameters([1], values)
        np.testing.assert_allclose(env.parameters[1], values[0])
        growth = Growth.of(env.task.body.skeleton, list(env.parameter_names[2:]), values[:, 2:])
        mass = env.worlds.expand("body_mass")[1].sum()
        assert mass == pytest.approx(reshaped(env.task.body, growth).mass.sum())
        env.step(np.zeros((2, env.action_dim)))


def test_length_of_an_unknown_body_is_refused_and_a_twist_of_none_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    text = CONFIG.replace("  parameters:\n", "  parameters:\n    skeleton: {Femur: {min: 1, max: 1}}\n")
    with pytest.raises(
        ConfigError, match="skeleton.Femur: the skeleton has no such body. Did you mean 'Femur"
    ):
        BatchEnv(write_scene(tmp_path, text), 1)
    text = text.replace("skeleton: {Femur: {min: 1, max: 1}}", "torsion: {femur_l: {min: -0.5, max: 0.5}}")
    with BatchEnv(write_scene(tmp_path, text), 1) as env:
        assert "torsion.femur_l has no effect, as in the original" in caplog.text
        assert env.reset()[0, -1] == 0.0 and env.parameter_names == ("stride", "cadence")


def test_bodies_that_collide_with_themselves_touch_where_others_pass_through(tmp_path: Path):
    plain = load_config(write_scene(tmp_path))
    touching = plain.replace({"environment.skeleton.self_collide": True})
    found = []
    for config in (plain, touching):
        with BatchEnv(config, 1, 1, seed=0) as env:
            env.reset()
            model, skeleton = env.worlds.model, env.task.body.skeleton
            q = np.zeros((1, skeleton.num_dof))
            q[:, 4] = 1.0
            for side, sign in (("L", -1.0), ("R", 1.0)):  # legs cross
                q[:, skeleton.dof_start[skeleton.index(f"Femur{side}")] + 2] = 0.5 * sign
            data = mujoco.MjData(model)
            data.qpos[:] = env.task.body.to_qpos(q)[0]
            mujoco.mj_forward(model, data)
            found.append(data.ncon)
            assert np.isfinite(env.step(np.zeros((1, env.action_dim)))[0]).all()
    assert found[0] == 0 and found[1] > 0
