import mujoco
import numpy as np
import pytest

from batchenv import BatchEnv, load_config
from batchenv.engine.world_parameters import set_friction, set_mass
from tests.tasks.gaitnet.small_scene import SPEED, write_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return load_config(write_scene(tmp_path_factory.mktemp("scene")))


def watched(env, steps, look, first=0):
    """What `look` finds after every substep of some steps, with the capture that it is given."""
    capture, found = env.task.capture(env.worlds), []

    def watch():
        found.append(look(capture.measure()))
        capture.keep()

    for step in range(first, first + steps):
        env.step(np.random.default_rng(step).normal(0.0, 1.0, (env.num_envs, env.action_dim)), watch)
    return found


def test_forces_on_the_feet_are_what_the_engine_found_the_floor_to_push(scene):
    """Substep by substep, the last of a step included, after which derived fields are newer."""
    with BatchEnv(scene, 3, 1, seed=0) as env:
        env.reset()
        up = env.task.axes

        def look(measured):
            found = env.worlds.slot("constraint_force")[:, :3] @ up.T
            assert measured["grf"].sum(axis=1) == pytest.approx(found, abs=1e-6)
            return measured["grf"][:, :, 2]

        loads = np.array(watched(env, 10, look))
    assert loads.min() > -1e-6 and loads.max() > 300.0
    assert (loads.max(axis=(0, 1)) > 100.0).all()  # each foot is stood upon


def test_forces_are_those_of_each_worlds_own_mass_and_floor(scene):
    with BatchEnv(scene, 2, 1, seed=0) as env:
        env.reset()
        set_friction(env.worlds, np.array([0.05]), np.array([1]))
        set_mass(env.worlds, np.array([1.2]), np.array([1]))
        env.restore(env.snapshot())

        def look(measured):
            found = env.worlds.slot("constraint_force")[:, :3] @ env.task.axes.T
            # Rows of a slippery contact are stiff; what is lost is digits of the acceleration.
            assert measured["grf"].sum(axis=1) == pytest.approx(found, abs=1e-3)
            return measured["grf"][1]

        slippery = np.concatenate(watched(env, 10, look))
    level, vertical = np.abs(slippery[:, :2]).max(axis=1), slippery[:, 2]
    assert vertical.max() > 100.0
    # A friction pyramid holds the coefficient times the normal force along either of its edges.
    assert (level <= 0.05 * vertical + 1e-3).all()


def test_a_raised_foot_feels_nothing(scene):
    with BatchEnv(scene, 1, 1, seed=0) as env:
        env.reset()
        body = env.body
        q = body.from_qpos(env.worlds.qpos)
        q[:, 6:] = 0.0
        q[:, body.skeleton.dof_start[body.skeleton.index("TibiaL")]] = 1.2
        env.worlds.qpos[:] = body.to_qpos(q)
        env.worlds.qpos[:, :3] = 0.0, 0.999, 0.0
        env.worlds.qpos[:, 3:7] = 1.0, 0.0, 0.0, 0.0
        env.worlds.qvel[:] = 0.0
        env.worlds.measure(np.arange(1))
        forces = np.array(watched(env, 1, lambda measured: measured["grf"][0]))
    assert forces[:, 0, 2].max() > 100.0
    assert np.abs(forces[:, 1]).max() == 0.0


def test_torques_are_those_that_were_asked_for(scene):
    torques = scene.replace({"environment.skeleton.actuator": "tor", "environment.action.scale": 10.0})
    with BatchEnv(torques, 1, 1, seed=0) as env:
        env.reset()
        capture = env.task.capture(env.worlds)
        names = [column.name for column in env.action_layout]
        action = np.zeros((1, env.action_dim))
        action[0, names.index("joint_torque/TibiaR")] = 1.5
        action[0, names.index("joint_torque/TalusL")] = -2.0
        found = []
        env.step(action, lambda: (found.append(capture.measure()["joint_torque"][0]), capture.keep()))
        made = dict(zip(capture.constants["joint_names"], found[-1], strict=True))
        assert "muscle_names" not in capture.constants
    # Nobody asks for other torques, and GaitNet flips the sides in the second half of a cycle.
    knees = sorted((made["knee_angle_r"], made["knee_angle_l"]))
    ankles = sorted((made["ankle_angle_r"], made["ankle_angle_l"]))
    assert knees == pytest.approx([0.0, 15.0], abs=1e-9)
    assert ankles == pytest.approx([0.0, 20.0], abs=1e-9)


def test_frames_are_forward_left_and_up(scene):
    with BatchEnv(scene, 2, 1, seed=0) as env:
        env.reset()
        found = watched(env, 2, lambda measured: {name: value.copy() for name, value in measured.items()})
        assert env.task.usual_speed == pytest.approx(SPEED)
        assert env.task.period == pytest.approx(1.0)
    first = found[0]
    assert first["root_vel"][:, 0] == pytest.approx(SPEED, abs=0.4)
    assert first["root_pos"][:, 2] == pytest.approx(1.0, abs=0.1)
    assert (first["foot_pos"][:, 0, 1] < first["foot_pos"][:, 1, 1]).all()  # left is +y
    assert first["foot_pos"][:, :, 2].min() == pytest.approx(0.03, abs=0.03)
    assert first["activation"].shape == (2, 6)


def test_drawn_worlds_stand_where_they_stand_turned_to_z_up(scene):
    with BatchEnv(scene, 2, 1, seed=0) as env:
        env.reset()
        for _ in range(3):
            env.step(np.zeros((2, env.action_dim)))
        figure, shift = env.task.figure(env.worlds), np.array([3.0, -1.0, 0.0])
        look, own = figure.look, env.body
        data = mujoco.MjData(look.model)
        figure.put(data, 1, shift)
        expected = env.worlds.bind("xipos")[1, own.body_id] @ env.task.axes.T + shift
        assert data.xipos[own.body_id] == pytest.approx(expected, abs=1e-9)
        assert data.qvel[:3] == pytest.approx(env.task.axes @ env.worlds.qvel[1, :3])
        assert look.model.ntendon == len(own.muscle_names) == len(figure.activation(1))
        assert look.model.opt.gravity == pytest.approx([0.0, 0.0, -9.8])
        assert look.model.geom_pos[look.floor_geom] == pytest.approx([0.0, 0.0, 0.0])
        names = [[look.model.body(body).name for body in foot] for foot in look.feet]
    assert names == [["TalusR"], ["TalusL"]]
