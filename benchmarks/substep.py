"""What the parts of a coordinated substep cost, each alone with its data in the cache.

python benchmarks/substep.py
"""

import argparse
import time
from collections.abc import Callable, Iterator

import mujoco
import numba
import numpy as np

from batchenv import load_config
from batchenv.body import load_body
from batchenv.body.moment_arms import moment_structure
from batchenv.engine.coordinators.static_optimization import static_optimization, sweep_order
from batchenv.engine.muscles.mujoco import (
    activation_reach,
    effective_moment_arms,
    excitation_for,
    muscle_bias,
    muscle_gain,
)


@numba.njit
def arms_repeatedly(n, entry, dof, place, slope, moment, arms):
    for _ in range(n):
        effective_moment_arms(entry, dof, place, slope, moment, arms)


@numba.njit
def forces_repeatedly(n, length, velocity, lengthrange, acc0, gainprm, biasprm, out):
    for _ in range(n):
        for m in range(length.size):
            gain = muscle_gain(length[m], velocity[m], lengthrange[m], acc0[m], gainprm[m])
            out[m] = gain + muscle_bias(length[m], lengthrange[m], acc0[m], biasprm[m])


@numba.njit
def reach_repeatedly(n, act, dynprm, timestep, lower, upper, ctrl):
    for _ in range(n):
        for m in range(act.size):
            lower[m], upper[m] = activation_reach(act[m], timestep, dynprm[m, 0], dynprm[m, 1])
        for m in range(act.size):
            ctrl[m] = excitation_for(lower[m], act[m], timestep, dynprm[m, 0], dynprm[m, 1])


@numba.njit
def optimization_repeatedly(
    n, muscle, number, entry, joint, jta, required, price, lower, upper, sweeps, residual, a
):
    for _ in range(n):
        static_optimization(
            muscle, number, entry, joint, jta, required, price, lower, upper, sweeps, residual, a
        )


def parts() -> Iterator[tuple[str, Callable[[int], None]]]:
    """Every part as a function of the number of its repetitions."""
    settings = load_config("walk").environment.muscle.static_optimization
    body = load_body("myo_sim:myolegs", timestep=1 / 300)
    model, data, rng = body.model, mujoco.MjData(body.model), np.random.default_rng(0)
    mujoco.mj_forward(model, data)
    n, structure = model.nu, moment_structure(body, model)
    entries = [x.astype(np.uint32) for x in (structure.entry, structure.dof, structure.place)]
    order = sweep_order(structure.ptr, structure.joint, len(body.joint_names))
    arms, slope, act = np.zeros(structure.joint.size), np.ones(model.nv), rng.uniform(0.0, 0.3, n)
    jta = rng.normal(0.0, 30.0, structure.joint.size)
    required, residual = rng.normal(0.0, 30.0, (2, len(body.joint_names)))
    lower, upper, out = np.zeros(n), np.ones(n), np.zeros(n)
    yield (
        "effective moment arms",
        lambda k: arms_repeatedly(k, *entries, slope, data.actuator_moment, arms),
    )
    muscles = (
        model.actuator_lengthrange,
        model.actuator_acc0,
        model.actuator_gainprm,
        model.actuator_biasprm,
    )
    yield (
        "gain and passive force",
        lambda k: forces_repeatedly(k, data.actuator_length, data.actuator_velocity, *muscles, out),
    )
    yield (
        "bounds of activation, and excitations",
        lambda k: reach_repeatedly(k, act, model.actuator_dynprm, 1 / 300, out.copy(), out.copy(), out),
    )
    visits = (order.muscle, order.number, order.entry, order.joint)
    problem = (jta, required, settings.regularization, lower, upper, settings.sweeps, residual, act.copy())
    yield (
        f"static optimisation, {settings.sweeps} sweeps",
        lambda k: optimization_repeatedly(k, *visits, *problem),
    )


def main() -> None:
    """Print the table: medians of interleaved rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--repetitions", type=int, default=2000)
    arguments = parser.parse_args()
    contenders, seconds = dict(parts()), {}
    for work in contenders.values():
        work(1)  # compiles
    for _ in range(arguments.rounds):
        for name, work in contenders.items():
            start = time.process_time()
            work(arguments.repetitions)
            seconds.setdefault(name, []).append((time.process_time() - start) / arguments.repetitions)
    print("| part | us |\n|---|---|")
    for name, values in seconds.items():
        print(f"| {name} | {1e6 * float(np.median(values)):.2f} |")


if __name__ == "__main__":
    main()
