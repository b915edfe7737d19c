"""Devices of walkers: when they act, what they weigh, and how they are configured."""

from pathlib import Path

import numpy as np
import pytest

from batchenv import BatchEnv, ConfigError, load_config
from tests.tasks.test_command import CONFIG, UNENDING

EXAMPLES = Path(__file__).parents[2] / "examples"
KNOTS = [[28, 0], [53, -0.5], [63, 0]]
EXO = {"joints": ["ankle_angle"], "torque": KNOTS, "mass": {"tibia": 0.5}}


def test_torques_follow_the_phase_through_the_substeps_and_rest_where_the_walker_stands():
    config = load_config(CONFIG).replace({"environment.devices": {"exo": EXO}, **UNENDING})
    with BatchEnv(config, 2, 1, seed=2) as env:
        assert env.body.mass == pytest.approx(env.body.worn_mass + 74.975, abs=1e-2)
        assert env.body.worn_mass == pytest.approx(1.0)
        env.reset()
        env.set_command([0, 1], {"speed": [0.0, 1.2], "yaw_rate": 0.0})
        seen, peak = [], 0.5 * (env.body.mass - 1.0)
        for _ in range(120):
            quantities = env.task.quantities(env._batch)
            phase, period = quantities["phase"].copy(), env.task.reference_period(env._batch)
            env.step(np.zeros((2, env.action_dim)))
            torque = env.worlds.slot("device_torque").copy()
            if np.isinf(period[0]):
                assert not torque[0].any()
            at = phase[1] + np.arange(env.worlds.substeps) * env.worlds.timestep / period[1]
            right = np.interp(at % 1.0, [0.28, 0.53, 0.63], [0.0, -peak, 0.0])
            # The cubic eases between its knots, within 0.12 of the way from the straight line.
            assert np.abs(torque[1, :, 0] - right).max() < 0.12 * peak
            np.testing.assert_allclose(
                env.task.quantities(env._batch)["device_torque"], torque.mean(axis=1), atol=1e-12
            )
            seen.append(torque[1])
        least = np.min(seen, axis=(0, 1))
        np.testing.assert_allclose(least, -peak, rtol=0.01)
        assert np.isinf(period[0])


@pytest.mark.parametrize("name", ["ankle_exo", "hip_exo"])
def test_examples_load(name: str):
    (device,) = load_config(EXAMPLES / f"{name}.yaml").environment.devices.values()
    assert device.unit == "Nm/kg" and 0.0 < max(abs(torque) for _, torque in device.torque) <= 0.75


@pytest.mark.parametrize(
    "torque", [[[10, 1]], [[10, 1], [10, 2]], [[50, 1], [10, 2]], [[0, 1], [100, 1]], [[0, True], [9, 1]], 3]
)
def test_knots_that_make_no_curve_are_refused(torque: object):
    with pytest.raises(
        ConfigError, match=r"environment.devices.exo.torque.*give 2 to 100 pairs \[phase, torque\]"
    ):
        load_config(CONFIG).replace({"environment.devices": {"exo": EXO | {"torque": torque}}})


def test_torques_per_mass_that_no_device_makes_are_refused():
    strong = EXO | {"torque": [[28, 0], [53, -30], [63, 0]]}
    with pytest.raises(ConfigError, match=r"exo.unit.*reaches 30 Nm/kg; give at most 10 Nm/kg, or 'Nm'"):
        load_config(CONFIG).replace({"environment.devices": {"exo": strong}})
    load_config(CONFIG).replace({"environment.devices": {"exo": strong | {"unit": "Nm"}}})


@pytest.mark.slow
def test_the_amputee_of_myo_sim_stands_on_its_prosthesis():
    with BatchEnv(EXAMPLES / "amputee.yaml", 2, 1, seed=0) as env:
        assert len(env.body.muscle_names) == 54
        assert {"knee_angle_r", "ankle_angle_r"} <= set(env.body.joint_names)
        assert not any(name.startswith("socket") for name in env.body.joint_names)
        env.reset()
        load = np.zeros((2, 2))
        for _ in range(10):
            obs, _, _ = env.step(np.zeros((2, env.action_dim)))
            load += env.task.quantities(env._batch)["foot_load"]
        assert np.isfinite(obs).all() and (load.max(axis=0) > 0.5).all()
