"""Torques of devices over the gait cycle."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from batchenv.body import Body, load_body
from batchenv.body.names import BodyNames
from batchenv.config.devices import Device
from batchenv.errors import ConfigError
from batchenv.mdp.devices import Assistance, periodic_pchip
from tests.body.small_bodies import biped

KNOTS = [[28.0, 0.0], [53.0, -0.5], [63.0, 0.0]]


def assistance(body: Body, **keys: Any) -> Assistance:
    return Assistance({"exo": Device(**{"joints": ["ankle_angle"], "torque": KNOTS} | keys)}, body)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Body:
    path: Path = tmp_path_factory.mktemp("worn") / "biped.xml"
    path.write_text(biped())
    return load_body(str(path), timestep=1 / 300, names=BodyNames(joints={"hip_adduction": "-hip"}))


@pytest.mark.parametrize(
    "knots", [KNOTS, [[0, 1], [30, 2], [45, 2.5], [46, -1], [99, -2]], [[10, 3], [60, 3]]]
)
def test_the_curve_is_that_of_pchip_over_repeated_cycles(knots: list[list[float]]):
    own, phase = np.array(knots, float), np.linspace(0.0, 1.0, 501, endpoint=False)
    repeated = np.concatenate([own + np.array([100.0 * cycle, 0.0]) for cycle in range(-2, 3)])
    expected = PchipInterpolator(repeated[:, 0] / 100.0, repeated[:, 1])(phase)
    np.testing.assert_allclose(periodic_pchip(own, phase), expected, atol=1e-12)


def test_each_leg_has_its_torque_at_its_own_phase(body: Body):
    found = assistance(body)
    assert [body.joint_names[j] for j in found.joints] == ["ankle_angle_r", "ankle_angle_l"]
    torques = found.torques(np.array([[0.53, 0.03], [0.2, 0.7]]))
    peak = -0.5 * body.mass
    np.testing.assert_allclose(torques, [[[peak, 0.0], [0.0, peak]], [[0.0, 0.0], [0.0, 0.0]]], atol=1e-9)


def test_torques_turn_joints_as_those_of_the_reference(body: Body, small: Body):
    adduction = assistance(body, joints=["hip_adduction"], torque=[[0, 10.0], [50, 10.0]], unit="Nm")
    signs = body.joint_sign[list(adduction.joints)]
    np.testing.assert_allclose(adduction.torques(np.zeros(1)), [10.0 * signs])
    for name in ("hip", "hip_adduction"):
        hips = assistance(small, joints=[name], torque=[[0, 1.0], [50, 1.0]], unit="Nm")
        assert [small.joint_names[j] for j in hips.joints] == ["hip_r", "hip_l"]
        np.testing.assert_allclose(hips.torques(np.zeros(1)), [small.joint_sign[list(hips.joints)]])


def test_a_body_without_devices_has_no_torque(body: Body):
    assert Assistance({}, body).torques(np.zeros((2, 3))).shape == (2, 3, 0)


@pytest.mark.parametrize(
    ("joint", "message"),
    [
        ("ankel", r"environment.devices.exo.joints names 'ankel', which is not a joint of the body. Did you"),
        ("waist", r"environment.devices.exo.joints names 'waist', which is no joint of both legs"),
    ],
)
def test_joints_that_no_device_can_drive_are_refused(small: Body, body: Body, joint: str, message: str):
    with pytest.raises(ConfigError, match=message):
        assistance(small if joint == "waist" else body, joints=[joint])
