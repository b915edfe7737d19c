"""The kernels against the numbers of GaitNet's own program, on its own files."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from batchenv.body.gaitnet import load_gaitnet_body, matrix_from_quat
from batchenv.engine import NetworkSpec, Worlds
from batchenv.engine.paths.way_points import way_point_torques
from tests.engine.small_worlds import control_law
from tests.gaitnet_files import gaitnet_data
from tests.gaitnet_files import oracle as load_oracle

SUBSTEPS = 16
SIZES = ((256, 590), (256, 256), (256, 256), (164, 256))


@pytest.fixture(scope="module")
def oracle():
    return load_oracle()


@pytest.fixture(scope="module")
def gaitnet():
    data = gaitnet_data()
    return load_gaitnet_body(data / "base.xml", data / "distribute_lower_only.xml")


def network(bits=32):
    """The network of ORACLE.md."""
    random, state = np.random.RandomState(0), {}
    for layer, shape in enumerate(SIZES):
        state[f"fc.{2 * layer}.weight"] = (random.normal(size=shape) * 0.05).astype(np.float32)
        state[f"fc.{2 * layer}.bias"] = (random.normal(size=shape[:1]) * 0.05).astype(np.float32)
    return NetworkSpec(state=state, bits=bits, keep_samples=True)


def constant(activation):
    """A network that gives all muscles the same activation."""
    state = {key: np.zeros_like(value) for key, value in network().state.items()}
    state["fc.6.bias"][:] = np.arctanh(activation)
    return NetworkSpec(state=state, bits=32)


def put(gaitnet, q, dq, mirrored=0.0, **law):
    """One world for each pose and velocity (N, D) under a law; seen in the mirror where that is said."""
    worlds, ids = (
        Worlds(gaitnet, control_law(gaitnet, **law), len(q), SUBSTEPS, measured=True),
        np.arange(len(q)),
    )
    qpos = gaitnet.to_qpos(q)
    worlds.reset(ids, qpos, gaitnet.to_qvel(qpos, dq))
    worlds.slot("mirrored")[:] = mirrored
    worlds.measure(ids)
    return worlds


def at_poses(gaitnet, oracle, **law):
    """One world for each of the program's poses."""
    worlds = put(gaitnet, oracle["q"], oracle["dq"], **law)
    targets = {"muscle": np.full((worlds.num_worlds, 164), 0.05), "tor": np.zeros((worlds.num_worlds, 50))}
    worlds.set_targets(targets.get(worlds.law.actuator, oracle["pd_target"]))
    return worlds


def first_substep(worlds):
    """What the first substep does but for contacts and limits, which the program's poses break.

    Returns:
        The forces that are applied (N, nv), the accelerations (N, nv), and the activations.
    """
    applied, acceleration = worlds.bind("qfrc_applied"), worlds.bind("qacc_smooth")
    places, seen = worlds.qpos.copy(), []

    def watch():
        if not seen:
            resisting = worlds.slot("constraint_force").copy()
            seen.extend((applied - resisting, acceleration.copy(), worlds.slot("activation").copy()))
            seen[1] -= accelerations_by(worlds.model, places, resisting)

    worlds.step(watch)
    return seen


def accelerations_by(model, places, forces):
    """M^-1 f of generalised forces (N, nv) at positions (N, nq)."""
    data, found = mujoco.MjData(model), np.zeros_like(forces)
    for qpos, force, acceleration in zip(places, forces, found, strict=True):
        data.qpos[:] = qpos
        mujoco.mj_fwdPosition(model, data)
        mujoco.mj_solveM(model, data, acceleration[None], force[None])
    return found


def close(values, expected, tolerance):
    """Whether values differ from what is expected by less than a share of its largest."""
    return np.abs(values - expected).max() <= tolerance * np.abs(expected).max()


def test_forces_and_moment_arms_equal_those_of_the_program(gaitnet, oracle):
    worlds = at_poses(gaitnet, oracle, actuator="muscle")
    block, paths = worlds._record.record[0], worlds._record.arrays
    muscle, dof = paths["path_muscle"], paths["path_joint"] + 6
    length, active, passive, moment = *np.zeros((3, 164)), np.zeros(muscle.size)
    none, jta, jtp = np.zeros((0, 3)), np.zeros(540), np.zeros(50)
    for pose in range(worlds.num_worlds):
        data = worlds.batch.get_data(pose)
        address = np.uintp(data._address)
        way_point_torques(block, address, length, moment, none, active, passive, jta, jtp)
        dense = np.zeros((164, 56))
        dense[muscle, dof] = moment
        assert close(active, oracle["f_A"][pose], 1e-6)
        assert close(passive, oracle["f_P"][pose], 1e-6)
        assert close(dense, oracle["dlmt_dq"][pose], 1e-6)


def test_torques_of_muscles_equal_those_of_the_program(gaitnet, oracle):
    worlds = at_poses(gaitnet, oracle, network=network(), first_body_forces=True)
    assert close(worlds.slot("passive_torque"), oracle["JtP"], 1e-6)
    assert close(worlds.slot("negative_torque"), 0.5 * np.minimum(oracle["JtA"], 0).sum(axis=2), 1e-6)
    assert close(worlds.slot("positive_torque"), 0.5 * np.maximum(oracle["JtA"], 0).sum(axis=2), 1e-6)
    worlds.step()
    samples = worlds.coordinator.samples
    assert close(samples.jta_reduced, oracle["JtA_reduced"], 1e-6)
    assert close(samples.jta, oracle["JtA"], 1e-6)
    assert close(samples.torque, oracle["tau_des"], 1e-6)


def test_the_gradient_gives_the_exact_moment_arms_of_the_program(gaitnet, oracle):
    """The default: a muscle's force is -f dl/dq on all coordinates that its blended anchors cross."""
    worlds = at_poses(gaitnet, oracle, actuator="muscle")
    force = 0.05 * oracle["f_A"] + oracle["f_P"]
    expected = -np.einsum("pmd,pm->pd", oracle["dlmt_dq"], force)
    applied, _, _ = first_substep(worlds)
    assert close(applied[:, 6:], expected[:, 6:], 1e-6)
    related = -oracle["f_A"][:, gaitnet.paths.related_muscle] * np.array(
        [oracle["dlmt_dq"][:, m, d] for m, d in zip(
            gaitnet.paths.related_muscle, gaitnet.paths.related_dof, strict=True)]).T  # fmt: skip
    worlds = at_poses(gaitnet, oracle, network=network())
    worlds.step()
    assert close(worlds.coordinator.samples.jta_reduced, related, 1e-6)


def test_mirrored_torques_equal_those_of_the_program(gaitnet, oracle):
    worlds = at_poses(gaitnet, oracle, network=network(), first_body_forces=True, mirrored=1.0)
    assert close(worlds.slot("passive_torque"), oracle["JtP_mirror"], 1e-6)
    worlds.step()
    assert close(worlds.coordinator.samples.jta_reduced, oracle["JtA_reduced_mirror"], 1e-6)


def test_stable_pd_torques_equal_those_of_the_program(gaitnet, oracle):
    worlds = at_poses(gaitnet, oracle, actuator="pd")
    applied, _, _ = first_substep(worlds)
    assert close(applied, oracle["tau"], 1e-6)


@pytest.mark.parametrize(("bits", "tolerance"), [(32, 1e-5), (21, 1e-5), (16, 2e-3)])
def test_activations_equal_those_of_the_program(gaitnet, oracle, bits, tolerance):
    worlds = at_poses(gaitnet, oracle, network=network(bits), first_body_forces=True)
    applied, _, activation = first_substep(worlds)
    assert np.abs(activation - oracle["nn_act"]).max() <= tolerance
    expected = oracle["Qmus_nn"][:, 6:].copy()
    expected[:, 18:] += oracle["tau"][:, 24:]
    if bits == 32:
        assert close(applied[:, 6:], expected, 1e-6)


def test_accelerations_equal_those_of_the_program(gaitnet, oracle):
    """The program's root acceleration is spatial and in the frame of the body, see ORACLE.md."""
    free = at_poses(gaitnet, oracle, actuator="tor")
    driven = at_poses(gaitnet, oracle, network=constant(0.05), first_body_forces=True)
    rotation = matrix_from_quat(gaitnet.to_qpos(oracle["q"])[:, 3:7])
    for worlds, name in ((free, "ddq_free"), (driven, "ddq_a005_pd")):
        _, acc, _ = first_substep(worlds)
        ddq, dq = oracle[name], oracle["dq"]
        linear = ddq[:, 3:6] + np.cross(dq[:, :3], dq[:, 3:6])
        expected = np.c_[np.einsum("nij,nj->ni", rotation, linear), ddq[:, :3], ddq[:, 6:]]
        # DART damps the root's coming velocity in the turning frame of the body, MuJoCo in the world's: a
        # difference of dt damping omega x v, 2 mN, beside accelerations of up to 1300 rad/s^2 of the light
        # toes.
        assert close(acc, expected, 2e-6)


@pytest.mark.parametrize("name", ["airp", "airm"])
def test_flights_equal_those_of_the_program(gaitnet, oracle, name):
    passive = name == "airp"
    law = {"actuator": "tor"} if passive else {"network": constant(0.05), "first_body_forces": True}
    worlds = put(gaitnet, oracle[f"{name}_init_q"][None], oracle[f"{name}_init_dq"][None], **law)
    worlds.set_targets(np.zeros((1, 50)) if passive else oracle[f"{name}_init_pd_target"][None])
    seen = []
    worlds.step(lambda: seen.append((worlds.qpos[0].copy(), worlds.qvel[0].copy())))
    qpos, qvel = (np.array(x) for x in zip(*seen, strict=True))
    assert np.abs(gaitnet.from_qpos(qpos) - oracle[f"{name}_q"]).max() < 1e-6
    assert np.abs(gaitnet.from_qvel(qpos, qvel) - oracle[f"{name}_dq"]).max() < 1e-4


@pytest.mark.parametrize("episode", ["ep0", "ep1"])
def test_loads_of_the_knees_are_near_those_of_an_episode(gaitnet, oracle, episode):
    """Of the last substep of each step, until the body falls; the two engines' contacts differ."""
    body = replace(gaitnet, loaded=("TibiaL", "TibiaR"))
    worlds = at_steps(body, oracle, episode, network=network(), first_body_forces=True)
    worlds.step()
    load = worlds.slot("load_log")[:13, -1].mean(axis=1) / 1000.0
    expected = oracle[f"{episode}_energies"][:13, 4]
    error = np.abs(load - expected) / expected
    assert np.median(error) < 0.07 and error.max() < 0.2


def at_steps(gaitnet, oracle, episode, **law):
    """Each control step of an episode as a world of its own, put where the program was at its beginning."""
    q, dq = oracle[f"{episode}_q"][:-1], oracle[f"{episode}_dq"][:-1]
    mirrored = np.c_[oracle[f"{episode}_mirror_sub"], oracle[f"{episode}_mirror"][1:]]
    worlds = put(gaitnet, q, dq, mirrored, **law)
    worlds.set_targets(oracle[f"{episode}_pd_target"][1:])
    return worlds


@pytest.mark.parametrize("episode", ["ep0", "ep1"])
def test_logs_equal_those_of_an_episode(gaitnet, oracle, episode):
    worlds = at_steps(gaitnet, oracle, episode, network=constant(0.05))
    worlds.step()
    first = oracle[f"{episode}_com_log"].reshape(-1, SUBSTEPS, 3)[:, 0]
    head = oracle[f"{episode}_head_vel_log"].reshape(-1, SUBSTEPS, 3)[:, 0]
    assert np.abs(worlds.slot("com_log")[:, 0] - first).max() < 1e-6
    assert np.abs(worlds.slot("velocity_log")[:, 0] - head).max() < 1e-5
