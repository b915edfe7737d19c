"""What the parts of a GaitNet substep cost, each alone with its data in the cache, and the whole step.

python benchmarks/gaitnet.py SKELETON MUSCLES [--json FILE]
"""

import argparse
import copy
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import mujoco
import numba
import numpy as np

from batchenv.body.gaitnet import GaitNetBody, load_gaitnet_body
from batchenv.body.gaitnet.mechanism import ROOT_DOFS, upper_joints
from batchenv.engine import ControlLaw, NetworkSpec, Worlds
from batchenv.engine.constraints.rows import constraint_forces
from batchenv.engine.controllers.stable_pd import stable_pd_torques
from batchenv.engine.coordinators.problem import required_torques
from batchenv.engine.coordinators.shared_network import evaluate_network
from batchenv.engine.paths.way_points import apply_way_points, trace_paths, way_point_torques
from batchenv.engine.recorders.effort import record_effort
from batchenv.engine.recorders.logs import log_end, log_start
from batchenv.files import check_output_file
from batchenv.tasks.gaitnet.law import gaitnet_records

SUBSTEPS = 16


@numba.njit
def paths_repeatedly(n, block, data, length, moment, pull):
    for _ in range(n):
        trace_paths(block, data, False, length, moment, pull)


@numba.njit
def muscles_repeatedly(n, block, data, length, moment, pull, active, passive, jta, jtp):
    for _ in range(n):
        way_point_torques(block, data, length, moment, pull, active, passive, jta, jtp)


@numba.njit
def torques_repeatedly(n, block, model, data, user, coordinates, none, desired):
    for _ in range(n):
        stable_pd_torques(block, model, data, user, coordinates, none, desired)


@numba.njit
def network_repeatedly(n, block, jta, jtp, desired, required, lower, upper, activation):
    for _ in range(n):
        required_torques(block, desired, jtp, required)
        evaluate_network(block, jta, required, lower, upper, activation)


@numba.njit
def applying_repeatedly(n, block, data, user, moment, active, passive, force):
    for _ in range(n):
        apply_way_points(block, data, user, moment, active, passive, force)
        record_effort(block, user)


@numba.njit
def logs_repeatedly(n, block, data, user):
    for _ in range(n):
        log_start(block, data, user, 0)
        log_end(block, data, user, 0)


@numba.njit
def constraints_once(block, model, data, user, coordinates, made, applied, actuated, total):
    constraint_forces(block, model, data, user, coordinates, made, 0, applied, actuated, total)


@numba.njit
def constraints_repeatedly(n, block, model, data, user, coordinates, made, applied, actuated, total):
    for _ in range(n):  # a call, because what is inlined here takes stack in every turn
        constraints_once(block, model, data, user, coordinates, made, applied, actuated, total)


def stand(worlds: Worlds[GaitNetBody]) -> None:
    """All worlds in the zero pose, hardly above the ground."""
    n = worlds.num_worlds
    qpos = worlds.body.to_qpos(np.zeros((n, worlds.body.skeleton.num_dof)))
    worlds.reset(np.arange(n), qpos, np.zeros((n, worlds.model.nv)))
    worlds.measure(np.arange(n))


def worlds_of(body: GaitNetBody, num_worlds: int, **changes: Any) -> Worlds[GaitNetBody]:
    """Worlds on one thread, with a network of first parameters where one is needed."""
    law = ControlLaw(
        "mass_lower",
        kp=np.asarray(body.skeleton.kp, float)[ROOT_DOFS:],
        kv=np.asarray(body.skeleton.kv, float)[ROOT_DOFS:],
        controller="stable_pd",
        network=NetworkSpec(),
        symmetric=True,
        muscle_model="mass",
        constraints="active_set",
        ideal_joints=upper_joints(body),
        records=gaitnet_records(body),
    )
    return Worlds(body, replace(law, **changes), num_worlds, SUBSTEPS, num_threads=1, measured=True)


def parts(body: GaitNetBody) -> Iterator[tuple[str, Callable[[int], None]]]:
    """Every part as a function of the number of its repetitions."""
    worlds = worlds_of(body, 1)
    stand(worlds)
    worlds.step()
    model, data = worlds.model, worlds.batch.get_data(0)
    mujoco.mj_forward(model, data)
    block, user = worlds._record.record[0], data.userdata
    qpos, first_applied = data.qpos.copy(), data.qfrc_applied.copy()
    addresses = np.uintp(model._address), np.uintp(data._address)
    m, j = len(body.paths.names), body.skeleton.num_dof - ROOT_DOFS
    length, active, passive, force, lower, activation = np.zeros((6, m))
    moment, jta = np.zeros(int(block["n_moment"])), np.zeros(int(block["n_crossing"]))
    jtp, desired, required = np.zeros((3, j))
    none, applied, actuated, total = np.zeros(0), *np.zeros((3, j + ROOT_DOFS))
    coordinates, pull = np.zeros((int(block["n_ball"]), 3)), np.zeros((0, 3))
    at = addresses[1]
    yield "muscle paths and moment arms", lambda n: paths_repeatedly(n, block, at, length, moment, pull)
    yield (
        "muscles: paths, forces, JtA, JtP",
        lambda n: muscles_repeatedly(n, block, at, length, moment, pull, active, passive, jta, jtp),
    )
    yield "stable PD", lambda n: torques_repeatedly(n, block, *addresses, user, coordinates, none, desired)
    yield (
        "muscle network",
        lambda n: network_repeatedly(n, block, jta, jtp, desired, required, lower, lower + 1.0, activation),
    )
    yield "muscle torques", lambda n: applying_repeatedly(n, block, at, user, moment, active, passive, force)
    data.qfrc_applied[:] = first_applied
    mujoco.set_mjcb_control(None)
    mujoco.mj_forward(model, data)  # makes the rows again, which the callback takes away
    made = int(data.nefc)
    yield (
        f"contacts and limits, {made} rows",
        lambda n: constraints_repeatedly(
            n, block, *addresses, user, coordinates, made, applied, actuated, total
        ),
    )
    yield "logs", lambda n: logs_repeatedly(n, block, at, user)
    unconstrained = copy.copy(model)
    unconstrained.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONSTRAINT
    for name, of in (("with its own solver", model), ("without constraints", unconstrained)):
        yield f"MuJoCo's mj_step from this pose, {name}", lambda n, m=of: plain_steps(n, m, data, qpos)


def plain_steps(n: int, model: mujoco.MjModel, data: mujoco.MjData, qpos: np.ndarray) -> None:
    """Steps of MuJoCo alone, every one from the same pose at rest."""
    for _ in range(n):
        data.qpos[:], data.qvel[:] = qpos, 0.0
        mujoco.mj_step(model, data)


def cpu_time(run: Callable[[int], None], n: int) -> float:
    """CPU time of one repetition [us], the best of several rounds."""
    run(2)
    rounds = []
    for _ in range(7):
        start = time.process_time()
        run(n)
        rounds.append((time.process_time() - start) / n * 1e6)
    return min(rounds)


def step_times(body: GaitNetBody, num_worlds: int, steps: int = 5) -> dict[str, float]:
    """CPU time of an environment step [us] under each law, the laws taking turns."""
    laws = {
        "mass_lower": {},
        "mass_lower, weights in 32 bits": {"network": NetworkSpec(bits=32)},
        "pd": {"actuator": "pd"},
        "tor, no muscles": {"actuator": "tor"},
    }
    built = {name: worlds_of(body, num_worlds, **law) for name, law in laws.items()}
    best = dict.fromkeys(laws, np.inf)
    for _ in range(6):
        for name, worlds in built.items():
            stand(worlds)
            start = time.process_time()
            for _ in range(steps):
                worlds.step()
            best[name] = min(best[name], (time.process_time() - start) / steps / num_worlds * 1e6)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("skeleton")
    parser.add_argument("muscles")
    parser.add_argument("--envs", type=int, default=8)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    if arguments.json is not None:
        check_output_file(arguments.json, "--json")
    body = load_gaitnet_body(arguments.skeleton, arguments.muscles)
    substep = {name: cpu_time(run, 1000) for name, run in parts(body)}
    for name, microseconds in substep.items():
        print(f"{name:40s} {microseconds:8.2f} us per substep")
    step = step_times(body, arguments.envs)
    for name, microseconds in step.items():
        print(f"{name:40s} {microseconds:8.0f} us per step, {microseconds / SUBSTEPS:6.1f} per substep")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"substep_us": substep, "step_us": step}, file, indent=1)


if __name__ == "__main__":
    main()
