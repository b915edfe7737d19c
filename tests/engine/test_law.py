"""Which parts go together, and which a law asks for."""

import re
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from batchenv.engine import ControlLaw, NetworkSpec, Records, Worlds, kernel
from batchenv.engine.law import check_law, choose_parts, ideal_joints
from batchenv.errors import BodyError, UsageError
from tests.engine.small_worlds import control_law

PLAIN = Records(joint_torques=False, foot_loads=False)


@pytest.fixture(scope="module")
def tendons(body):
    """Legs of hinges, with muscles on MuJoCo's tendons."""
    return body.mechanism()


@pytest.fixture(scope="module")
def way_points(small):
    """A body with ball joints, and muscles on way-points."""
    return small.mechanism()


def on_tendons(**changes):
    return replace(ControlLaw("mass", np.ones(14), np.ones(14)), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"controller": "stable_pd"},
            "controller 'stable_pd' reads constraint forces: give constraints 'active_set'",
        ),
        ({"foresee_passive": True}, "foresee_passive needs controller 'stable_pd'"),
        ({"symmetric": True}, "symmetric needs muscles on way-points"),
        (
            {"muscle_model": "mass"},
            "records.joint_torques needs the forces of MuJoCo's actuators: give False",
        ),
        ({"records": Records(capacity=True)}, "records.capacity needs muscles on way-points"),
    ],
)
def test_parts_that_do_not_go_together_on_tendons_are_refused(tendons, changes, message):
    check_law(tendons, on_tendons())
    with pytest.raises(UsageError, match=re.escape(message)):
        check_law(tendons, on_tendons(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"constraints": "mujoco"},
            "controller 'stable_pd' reads constraint forces: give constraints 'active_set'",
        ),
        *[
            (
                {"controller": "pd", "actuator": actuator},
                "controller 'pd' drives hinges: give 'stable_pd' for a body with ball joints",
            )
            for actuator in ("mass", "mass_lower", "pd")
        ],
        (
            {"controller": "pd", "actuator": "tor", "foresee_passive": True},
            "foresee_passive needs controller 'stable_pd'",
        ),
        (
            {"records": Records(foot_loads=False)},
            "records.joint_torques needs the forces of MuJoCo's actuators: give False",
        ),
    ],
)
def test_parts_that_do_not_go_together_on_way_points_are_refused(small, way_points, changes, message):
    check_law(way_points, control_law(small))
    with pytest.raises(UsageError, match=re.escape(message)):
        check_law(way_points, control_law(small, **changes))


def test_the_active_set_refuses_elliptic_friction_cones(small):
    mechanism = small.mechanism()
    mechanism.model.opt.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    with pytest.raises(UsageError, match="needs pyramidal friction cones: set cone to pyramidal"):
        check_law(mechanism, control_law(small))
    check_law(mechanism, control_law(small, actuator="tor", controller="pd", constraints="mujoco"))


@pytest.mark.parametrize("actuator", ["tor", "muscle"])
def test_ball_joints_go_with_a_law_that_has_no_targets_of_joints(small, way_points, actuator):
    law = control_law(small, actuator=actuator, controller="pd", constraints="mujoco")
    check_law(way_points, law)


@pytest.mark.parametrize("actuator", ["mass", "mass_lower", "muscle"])
def test_a_body_without_muscles_is_refused_where_the_actuator_needs_some(tendons, actuator):
    bare = replace(tendons, muscle_names=())
    with pytest.raises(BodyError, match=f"no muscles; expected some for the actuator '{actuator}'"):
        check_law(bare, on_tendons(actuator=actuator))
    check_law(bare, on_tendons(actuator="tor"))


def test_worlds_refuse_parts_that_do_not_go_together(body):
    with pytest.raises(UsageError, match="symmetric needs muscles on way-points"):
        Worlds(body, on_tendons(symmetric=True), 1, 2)


@pytest.mark.parametrize(
    ("changes", "controller", "coordinator"),
    [
        ({}, kernel.PD, kernel.STATIC_OPTIMIZATION),
        ({"network": NetworkSpec()}, kernel.PD, kernel.NETWORK),
        ({"controller": "stable_pd"}, kernel.STABLE_PD, kernel.STATIC_OPTIMIZATION),
        ({"actuator": "pd", "network": NetworkSpec()}, kernel.PD, kernel.NO_COORDINATOR),
        ({"actuator": "tor", "controller": "stable_pd"}, kernel.TORQUE, kernel.NO_COORDINATOR),
        ({"actuator": "muscle", "network": NetworkSpec()}, kernel.NO_CONTROLLER, kernel.DIRECT),
    ],
)
def test_a_law_asks_for_its_controller_and_its_coordinator(tendons, changes, controller, coordinator):
    choice = choose_parts(tendons, on_tendons(**changes))
    assert (choice.controller, choice.coordinator) == (controller, coordinator)


def test_paths_are_those_of_the_body_and_constraints_those_of_the_law(small, tendons, way_points):
    legs, gaitnet = choose_parts(tendons, on_tendons()), choose_parts(way_points, control_law(small))
    assert (legs.paths, legs.constraints) == (kernel.TENDONS, kernel.MUJOCO_SOLVER)
    assert (gaitnet.paths, gaitnet.constraints) == (kernel.WAY_POINTS, kernel.ACTIVE_SET)


def test_ideal_torques_drive_all_joints_some_or_none(tendons):
    for actuator, expected in (("pd", range(14)), ("tor", range(14)), ("mass_lower", (3, 5)), ("mass", ())):
        law = on_tendons(actuator=actuator, ideal_joints=(3, 5))
        assert ideal_joints(tendons, law).tolist() == list(expected)
        assert choose_parts(tendons, law).ideal == (len(expected) > 0)
