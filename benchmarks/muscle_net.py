"""What one evaluation of the muscle network costs, by how its weights are stored and streamed.

Two tables. "kernel": one world's forward pass again and again, its weights at home in the cache. "substep":
the same pass inside every physics substep of `Batch.step`, where MuJoCo's own data compete for that cache, as
CPU time over that of a callback that does everything but the pass. All is interleaved in one process.

    python benchmarks/muscle_net.py --envs 32 128 --json muscle_net.json
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import ctypes
import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import llvmlite.binding
import mujoco
import numba
import numpy as np
from mujoco.batch import Batch
from muscle_net_variants import SIZES, all_variants, random_parameters
from numba import carray, cfunc, types

from batchenv.body.body import load_body
from batchenv.body.sources import compile_spec
from batchenv.engine.coordinators.network.kernel import stack_vectors
from batchenv.engine.memory import address_of, f32_pointer, f64_pointer, load_address, offset
from batchenv.files import check_output_file

SUBSTEPS = 10
CTRL, USERDATA, QVEL = (offset("mjData", name) for name in ("ctrl", "userdata", "qvel"))
HALF_SCRATCH = 80  # vectors, enough for the widest layer


@dataclass
class Row:
    """One line of a table.

    Attributes:
        table, name, idea: what was measured.
        envs: worlds.
        kilobytes: of weights.
        us: median CPU time per world and pass [us].
        us_spread: half the distance between its quartiles.
        error: largest difference of an activation from float64, for inputs of 100 Nm.
    """

    table: str
    name: str
    idea: str
    envs: int
    kilobytes: float
    us: float
    us_spread: float
    error: float | None = None


def row(table, name, idea, envs, weights, us, error=None):
    spread = float(np.subtract(*np.percentile(us, (75, 25))) / 2)
    return Row(table, name, idea, envs, weights / 1e3, float(np.median(us)), spread, error)


def interleave(runs, alternations):
    """CPU times [s] of every run (len(runs), alternations): rounds in random order, the first not counted."""
    order, times = np.random.default_rng(0), [[] for _ in runs]
    for turn in range(alternations + 1):
        for i in order.permutation(len(runs)):
            start = time.process_time()
            runs[i]()
            if turn:
                times[i].append(time.process_time() - start)
    return np.array(times)


def compile_passes(variant):
    """A compiled loop (passes, address of weights, inputs, z) over the variant's pass."""
    evaluate, n_in, n_out = variant.evaluate, variant.sizes[0], variant.sizes[-1]

    @numba.njit
    def run(passes, weights, inputs, z):
        x = stack_vectors(2 * HALF_SCRATCH)
        y = x + np.uintp(HALF_SCRATCH * 64)
        for _ in range(passes):
            carray(f32_pointer(x), (n_in,))[:] = inputs
            z[:] = carray(f32_pointer(evaluate(weights, x, y)), (n_out,))

    return run


def largest_error(variant, run):
    parameters, worst = random_parameters(variant.sizes), 0.0
    z = np.zeros(variant.sizes[-1], np.float32)
    for x in np.random.default_rng(1).normal(0, 0.5, (20, variant.sizes[0])).astype(np.float32):
        run(1, variant.weights.ctypes.data, x, z)
        exact = x.astype(float)
        for layer, (weight, bias) in enumerate(parameters):
            exact = weight.astype(float) @ exact + bias
            if layer < len(parameters) - 1:
                exact = np.where(exact > 0, exact, 0.2 * exact)
        worst = max(worst, np.abs(np.maximum(np.tanh(z), 0) - np.maximum(np.tanh(exact), 0)).max())
    return float(worst)


def time_kernels(variants, alternations, passes=300):
    runs, errors = [], []
    for variant in variants:
        run = compile_passes(variant)
        errors.append(largest_error(variant, run))
        x, z = np.full(variant.sizes[0], 0.2, np.float32), np.zeros(variant.sizes[-1], np.float32)
        runs.append(lambda run=run, w=variant.weights, x=x, z=z: run(passes, w.ctypes.data, x, z))
    matrices = [weight.T.copy() for weight, _ in random_parameters(SIZES)]
    several = (4, 32)
    for worlds in several:
        x = np.zeros((worlds, SIZES[0]), np.float32)
        runs.append(lambda x=x: multiply(x, matrices, passes))
    times = interleave(runs, alternations) / passes * 1e6
    for variant, us, error in zip(variants, times, errors, strict=False):
        yield row("kernel", variant.name, variant.idea, 1, variant.weights.nbytes, us, error)
    for worlds, us in zip(several, times[len(variants) :], strict=True):
        weights = sum(matrix.nbytes for matrix in matrices)
        yield row("kernel", f"BLAS, {worlds} worlds", "several worlds per pass", worlds, weights, us / worlds)


def multiply(x, matrices, passes):
    for _ in range(passes):
        h = x
        for matrix in matrices:
            h = h @ matrix


def make_callback(variant, model):
    """mjcb_control that evaluates the network on numbers from the velocity, and excites all muscles alike."""
    if variant is None:
        evaluate, weights, n_in = numba.njit(lambda weights, x, y: x), 0, SIZES[0]
    else:
        evaluate, weights, n_in = variant.evaluate, variant.weights.ctypes.data, variant.sizes[0]
    n_dof, n_muscle = model.nv, model.nu

    @cfunc(types.void(types.voidptr, types.voidptr))
    def control(model_pointer, data_pointer):
        data = address_of(data_pointer)
        excitation = carray(f64_pointer(load_address(data + USERDATA)), (1,))[0]
        qvel = carray(f64_pointer(load_address(data + QVEL)), (n_dof,))
        ctrl = carray(f64_pointer(load_address(data + CTRL)), (n_muscle,))
        x = stack_vectors(2 * HALF_SCRATCH)
        inputs = carray(f32_pointer(x), (n_in,))
        for i in range(n_in):
            inputs[i] = np.float32(0.01) * np.float32(qvel[i % n_dof])
        z = carray(f32_pointer(evaluate(weights, x, x + np.uintp(HALF_SCRATCH * 64))), (n_muscle,))
        for m in range(n_muscle):  # so little of z that the motion is the same for every variant
            ctrl[m] = excitation + 1e-30 * min(1.0, max(0.0, z[m]))

    return control, ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(control.address)


def time_substeps(variants, envs, threads, alternations):
    body = load_body("myo_sim:myolegs", timestep=1 / 300)
    body.spec.nuserdata = 512
    model = compile_spec(body.spec)
    batch = Batch(model, envs, nthread=threads, persistent=True)
    start = np.tile(model.qpos0, (envs, 1))
    start[:, 2] += np.random.default_rng(0).uniform(-0.01, 0.01, envs)
    callbacks = [make_callback(variant, model) for variant in (None, *variants)]

    def run(callback=None, nstep=SUBSTEPS):
        mujoco.set_mjcb_control(callback and callback[1])
        batch.reset(stage=mujoco.mjtStage.mjSTAGE_NONE)
        batch.qpos[:], batch.ctrl[:], batch.userdata[:, 0] = start, 0.05, 0.05
        for _ in range(4 * SUBSTEPS // nstep):
            batch.step(nstep=nstep)

    runs = [run, lambda: run(callbacks[0], nstep=1)]
    runs += [lambda callback=callback: run(callback) for callback in callbacks]
    none, single, bare, *others = interleave(runs, alternations) / (4 * SUBSTEPS * envs) * 1e6
    mujoco.set_mjcb_control(None)
    yield row("substep", "no callback", "all of a substep", envs, 0, none)
    yield row("substep", "callback without network", "all of a substep", envs, 0, bare)
    yield row("substep", "one substep per call", "needed for several worlds per pass", envs, 0, single - bare)
    for variant, us in zip(variants, others, strict=True):
        yield row("substep", variant.name, variant.idea, envs, variant.weights.nbytes, us - bare)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--envs", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--alternations", type=int, default=15)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.json is not None:
        check_output_file(args.json, "--json")
    variants = all_variants()
    rows = list(time_kernels(variants, args.alternations))
    in_loop = [variant for variant in variants if variant.name not in ("dot", "float32, all pairs")]
    for envs in args.envs:
        rows += time_substeps(in_loop, envs, args.threads, args.alternations)
    print(f"{'table':8s} {'envs':>4s}  {'variant':25s} {'idea':39s} {'kB':>5s} {'us':>7s} {'+-':>5s}  error")
    for line in rows:
        error = "" if line.error is None else f"{line.error:.0e}"
        print(
            f"{line.table:8s} {line.envs:4d}  {line.name:25s} {line.idea:39s} {line.kilobytes:5.0f}"
            f" {line.us:7.2f} {line.us_spread:5.2f}  {error}"
        )
    if args.json:
        machine = {
            "cpu": llvmlite.binding.get_host_cpu_name(),
            "cpus": os.cpu_count(),
            "system": platform.platform(),
            "threads": args.threads,
        }
        args.json.write_text(
            json.dumps({"machine": machine, "rows": [asdict(line) for line in rows]}, indent=1)
        )


if __name__ == "__main__":
    main()
