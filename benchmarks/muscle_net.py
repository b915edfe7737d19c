"""What one evaluation of the muscle network costs, by how its weights are stored and streamed.

Two tables. "kernel": one world's forward pass again and again, its weights at home in the cache. "substep": the same
pass inside every physics substep of `Batch.step`, where MuJoCo's own data compete for that cache, as CPU time over
that of a callback that does everything but the pass. All that is compared runs interleaved in one process.

    python benchmarks/muscle_net.py --envs 32 128 --json muscle_net.json
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import ctypes
import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import mujoco
import numba
import numpy as np
from mujoco.batch import Batch
from numba import carray, cfunc, types

from batchenv.body.body import load_body
from batchenv.engine import memory
from batchenv.engine.memory import address_of, f32_pointer, f64_pointer, load_address
from batchenv.engine.muscle_net import kernel, packing

SIZES = (242, 256, 256, 256, 80)  # 228 pairs of muscle and joint, 14 torques; three hidden layers; 80 muscles
ALL_PAIRS = (80 * 14 + 14, 256, 256, 256, 80)
SUBSTEPS = 10
CTRL, USERDATA, QVEL = (memory.offset("mjData", name) for name in ("ctrl", "userdata", "qvel"))


@dataclass
class Variant:
    """One way to evaluate the network.

    Attributes:
        name, idea: for the table.
        sizes: of the layers.
        weights: address of the weights.
        evaluate: compiled (weights, x, y) -> address of z, x and y being addresses of scratch; x holds the inputs.
        keep: what lives at the addresses.
        n_byte: of the weights.
    """

    name: str
    idea: str
    sizes: tuple[int, ...]
    weights: int
    evaluate: Callable
    keep: object
    n_byte: int


@dataclass
class Row:
    """One line of a table; times in microseconds, of CPU, per world and pass."""

    table: str
    name: str
    idea: str
    envs: int
    kilobytes: float
    us: float
    us_spread: float
    activation_error: float


def random_parameters(sizes, seed=0):
    """Xavier-uniform weights and small biases."""
    rng = np.random.default_rng(seed)
    layers = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        bound = np.sqrt(6 / (n_in + n_out))
        weight = rng.uniform(-bound, bound, (n_out, n_in)).astype(np.float32)
        layers.append((weight, rng.normal(0, 0.05, n_out).astype(np.float32)))
    return layers


def reference(parameters, x):
    """relu(tanh(z)) in float64; x (n, n_in)."""
    h = x.astype(float)
    for layer, (weight, bias) in enumerate(parameters):
        h = h @ weight.astype(float).T + bias
        if layer < len(parameters) - 1:
            h = np.where(h > 0, h, 0.2 * h)
    return np.maximum(np.tanh(h), 0)


# ---------------------------------------------------------------- plain loops


@numba.njit
def leaky(address, n):
    units = carray(f32_pointer(address), (n,))
    for k in range(n):
        units[k] = units[k] if units[k] > np.float32(0) else np.float32(0.2) * units[k]


def plain_variant(name, idea, layer, transposed, parameters, sizes):
    """A variant whose layers are loops over a float32 matrix, output-major or (transposed) input-major."""
    flat = [part for w, b in parameters for part in ((w.T if transposed else w).ravel(), b)]
    stored = packing.aligned_i32(sum(part.size for part in flat)).view(np.float32)
    np.concatenate(flat, out=stored)
    n_layer, shape = len(sizes) - 1, np.array(sizes)

    @numba.njit
    def evaluate(weights, x, y):
        for i in range(n_layer):
            n_in, n_out = shape[i], shape[i + 1]
            matrix = carray(f32_pointer(weights), (n_in * n_out,))
            bias = carray(f32_pointer(weights + np.uintp(4 * n_in * n_out)), (n_out,))
            layer(matrix, bias, carray(f32_pointer(x), (n_in,)), carray(f32_pointer(y), (n_out,)))
            weights += np.uintp(4 * (n_in + 1) * n_out)
            x, y = y, x
            if i < n_layer - 1:
                leaky(x, n_out)
        return x

    return Variant(name, idea, sizes, stored.ctypes.data, evaluate, stored, stored.nbytes)


def _dot_products(matrix, bias, x, y):
    for k in range(y.size):
        total = np.float32(0)
        for i in range(x.size):
            total += matrix[k * x.size + i] * x[i]
        y[k] = total + bias[k]


dot_products = numba.njit(_dot_products)
fast_dot_products = numba.njit(fastmath=True)(_dot_products)


@numba.njit
def axpy(matrix, bias, x, y):
    for k in range(y.size):
        y[k] = bias[k]
    for i in range(x.size):
        for k in range(y.size):
            y[k] += x[i] * matrix[i * y.size + k]


# ---------------------------------------------------------------- blocks in registers


def decode_24(builder, words):
    """Four fixed-point weights in three words."""
    first, second, third = words
    name, kind, byte = "llvm.fshl.v16i32", kernel._WORDS, kernel._fill(24)
    fourth = kernel._call(builder, name, kind, [second, third, byte])
    fourth = kernel._call(builder, name, kind, [first, fourth, byte])
    fixed = (first, second, builder.shl(third, kernel._fill(8)), fourth)
    return [builder.sitofp(word, kernel._FLOATS) for word in fixed]


def encode_24(weights):
    w2 = np.rint(weights[:, 2] / 256).astype(int)
    w3 = np.rint((weights[:, 3] - (w2 >> 16 & 0xFF)) / 256).astype(int)
    words = [
        (np.rint((weights[:, i] - (w3 >> 16 - 8 * i & 0xFF)) / 256).astype(int) << 8)
        + (w3 >> 16 - 8 * i & 0xFF)
        for i in range(2)
    ]
    return packing._words(*words, ((w3 & 0xFF) << 24) + (w2 & 0xFFFFFF))


def decode_bfloat16(builder, words):
    """Two bfloat16 in one word; the first is read with the second as its lowest bits."""
    return [
        builder.bitcast(word, kernel._FLOATS) for word in (words[0], builder.shl(words[0], kernel._fill(16)))
    ]


def encode_bfloat16(weights):
    bits = weights.astype(np.float32).view(np.uint32).astype(int)
    low = (bits[:, 1] + 0x7FFF + (bits[:, 1] >> 16 & 1)) >> 16
    return packing._words((((bits[:, 0] - low + 0x8000) >> 16) << 16) + low)


def decode_8(builder, words):
    """Four fixed-point weights in one word."""
    shifted = (words[0], *(builder.shl(words[0], kernel._fill(bits)) for bits in (8, 16, 24)))
    return [builder.sitofp(word, kernel._FLOATS) for word in shifted]


def encode_8(weights):
    word = np.zeros(weights[:, 0].shape, int)
    for i in (3, 2, 1, 0):
        lower = word & (1 << 8 * (3 - i)) - 1
        byte = np.rint((weights[:, i] - lower * 2.0 ** (8 * i)) / 2**24).astype(int)
        word = ((byte & 0xFF) << 8 * (3 - i)) + lower
    return packing._words(word)


def block_variant(name, idea, group, decode, encode, scaled, parameters, sizes):
    """A variant on the shipped kernel's blocks: hidden layers of 64 outputs, the last of 80."""
    n_input, n_word = group
    narrow, wide = (kernel.dense_block(v, n_input, n_word, decode) for v in (4, 5))
    parts = []
    for weight, bias in parameters:
        width = 64 if weight.shape[0] % 64 == 0 else 80
        n_group = -(-weight.shape[1] // n_input)
        filled = np.zeros((n_group * n_input, weight.shape[0]))
        filled[: weight.shape[1]] = weight.T
        scale = np.abs(filled).max(axis=0) / 1.99e9 if scaled else np.ones(weight.shape[0])
        words = encode((filled / scale).reshape(n_group, n_input, -1)).reshape(-1, weight.shape[0])
        rows = np.stack([*words, scale.astype(np.float32).view(np.int32), bias.view(np.int32)])
        parts += [block.ravel() for block in np.split(rows, weight.shape[0] // width, axis=1)]
    packed = packing.aligned_i32(sum(part.size for part in parts))
    np.concatenate(parts, out=packed)
    n_layer, shape = len(sizes) - 1, np.array(sizes)

    @numba.njit
    def evaluate(weights, x, y):
        for i in range(n_layer):
            groups = (shape[i] + n_input - 1) // n_input
            inputs = carray(f32_pointer(x), (groups * n_input,))
            for k in range(shape[i], groups * n_input):
                inputs[k] = np.float32(0)
            block = 64 if shape[i + 1] % 64 == 0 else 80
            for at in range(0, shape[i + 1], block):
                out = y + np.uintp(4 * at)
                if block == 64:
                    narrow(weights, x, groups, out)
                else:
                    wide(weights, x, groups, out)
                weights += np.uintp(4 * block * (groups * n_word + 2))
            x, y = y, x
            if i < n_layer - 1:
                leaky(x, shape[i + 1])
        return x

    return Variant(name, idea, sizes, packed.ctypes.data, evaluate, packed, packed.nbytes)


def variants():
    some, every = random_parameters(SIZES), random_parameters(ALL_PAIRS)
    block = block_variant
    float32 = ((1, 1), kernel.decode_32, lambda w: packing._encode(w, 32), False)
    shipped = {
        21: ((3, 2), kernel.decode_21, lambda w: packing._encode(w, 21), True),
        16: ((2, 1), kernel.decode_16, lambda w: packing._encode(w, 16), True),
    }
    return [
        plain_variant("dot", "a dot product per output", dot_products, False, some, SIZES),
        plain_variant(
            "fast dot", "the same, sums reordered (fastmath)", fast_dot_products, False, some, SIZES
        ),
        plain_variant("axpy", "input-major: outputs side by side", axpy, True, some, SIZES),
        block("float32, all pairs", "JtA of every muscle on every joint", *float32, every, ALL_PAIRS),
        block("float32", "blocks of outputs in registers", *float32, some, SIZES),
        block("24 bits", "4 weights in 3 words", (4, 3), decode_24, encode_24, True, some, SIZES),
        block("21 bits", "3 weights in 2 words", *shipped[21], some, SIZES),
        block("16 bits", "2 weights in 1 word", *shipped[16], some, SIZES),
        block(
            "bfloat16", "2 weights in 1 word", (2, 1), decode_bfloat16, encode_bfloat16, False, some, SIZES
        ),
        block("8 bits", "4 weights in 1 word", (4, 1), decode_8, encode_8, True, some, SIZES),
    ]


# ---------------------------------------------------------------- the two tables


def spread(values):
    return float(np.subtract(*np.percentile(values, (75, 25))) / 2)


def time_kernels(all_variants, alternations, passes=300):
    rng = np.random.default_rng(1)
    runs, errors = [], []
    for variant in all_variants:
        n_in, n_out, evaluate = variant.sizes[0], variant.sizes[-1], variant.evaluate

        @numba.njit
        def run(passes, weights, inputs, out, evaluate=evaluate, n_in=n_in, n_out=n_out):
            x = kernel.stack_vectors(160)
            y = x + np.uintp(80 * 64)
            for _ in range(passes):
                carray(f32_pointer(x), (n_in,))[:] = inputs
                out[:] = carray(f32_pointer(evaluate(weights, x, y)), (n_out,))

        out, worst = np.zeros(n_out, np.float32), 0.0
        for x in rng.normal(0, 0.5, (20, n_in)).astype(np.float32):
            run(1, variant.weights, x, out)
            exact = reference(random_parameters(variant.sizes), x[None])[0]
            worst = max(worst, float(np.abs(np.maximum(np.tanh(out), 0) - exact).max()))
        inputs = rng.normal(0, 0.2, n_in).astype(np.float32)
        runs.append(lambda run=run, w=variant.weights, x=inputs, out=out: run(passes, w, x, out))
        errors.append(worst)
    times = interleave(runs, alternations)
    for variant, error, seconds in zip(all_variants, errors, times, strict=True):
        us = np.array(seconds) / passes * 1e6
        yield Row(
            "kernel",
            variant.name,
            variant.idea,
            1,
            variant.n_byte / 1e3,
            float(np.median(us)),
            spread(us),
            error,
        )
    layers = [w.T.copy() for w, _ in random_parameters(SIZES)]
    for rows in (4, 32):  # several worlds for one reading of the weights, which `mj_step` does not allow
        x = np.zeros((rows, SIZES[0]), np.float32)

        def multiply(x=x):
            for _ in range(30):
                h = x
                for layer in layers:
                    h = h @ layer

        us = np.array(interleave([multiply], alternations)[0]) / 30 / rows * 1e6
        kilobytes = sum(layer.nbytes for layer in layers) / 1e3
        yield Row(
            "kernel",
            f"BLAS, {rows} worlds",
            "several worlds per pass",
            rows,
            kilobytes,
            float(np.median(us)),
            spread(us),
            0.0,
        )


def interleave(runs, alternations):
    """CPU times [s] of every run, in `alternations` rounds of random order, after one round that does not count."""
    order, times = np.random.default_rng(0), [[] for _ in runs]
    for turn in range(alternations + 1):
        for i in order.permutation(len(runs)):
            start = time.process_time()
            runs[i]()
            if turn:
                times[i].append(time.process_time() - start)
    return times


def make_callback(variant, n_dof, n_muscle):
    """mjcb_control that evaluates the network on what depends on velocity, and excites all muscles alike."""
    evaluate, weights, n_in = (
        (variant.evaluate, variant.weights, variant.sizes[0]) if variant else (None, 0, SIZES[0])
    )
    if evaluate is None:
        evaluate = numba.njit(lambda weights, x, y: x)

    @cfunc(types.void(types.voidptr, types.voidptr))
    def control(model_pointer, data_pointer):
        data = address_of(data_pointer)
        excitation = carray(f64_pointer(load_address(data + USERDATA)), (1,))[0]
        qvel = carray(f64_pointer(load_address(data + QVEL)), (n_dof,))
        ctrl = carray(f64_pointer(load_address(data + CTRL)), (n_muscle,))
        x = kernel.stack_vectors(160)
        inputs = carray(f32_pointer(x), (n_in,))
        for i in range(n_in):
            inputs[i] = np.float32(0.01) * np.float32(qvel[i % n_dof])
        z = carray(f32_pointer(evaluate(weights, x, x + np.uintp(80 * 64))), (n_muscle,))
        for m in range(n_muscle):
            ctrl[m] = excitation + 1e-30 * min(
                1.0, max(0.0, z[m])
            )  # the motion is the same for every variant

    return control, ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(control.address)


def time_substeps(all_variants, envs, threads, alternations):
    body = load_body("myo_sim:myolegs", timestep=1 / 300)
    body.spec.nuserdata = 512
    model = body.spec.compile()
    batch = Batch(model, envs, nthread=threads, persistent=True)
    named = [("no callback", None), ("callback without network", make_callback(None, model.nv, model.nu))]
    named += [(v.name, make_callback(v, model.nv, model.nu)) for v in all_variants]
    start = np.tile(model.qpos0, (envs, 1))
    start[:, 2] += np.random.default_rng(0).uniform(-0.01, 0.01, envs)

    def run(callback, nstep=SUBSTEPS):
        mujoco.set_mjcb_control(callback and callback[1])
        batch.reset(stage=mujoco.mjtStage.mjSTAGE_NONE)
        batch.qpos[:], batch.ctrl[:], batch.userdata[:, 0] = start, 0.05, 0.05
        for _ in range(4 * SUBSTEPS // nstep):
            batch.step(nstep=nstep)

    runs = [lambda callback=callback: run(callback) for _, callback in named]
    runs.append(lambda: run(named[1][1], nstep=1))
    times = np.array(interleave(runs, alternations)) / (4 * SUBSTEPS * envs) * 1e6
    mujoco.set_mjcb_control(None)
    bare = times[1]
    for (name, _), us in zip(named[:2], times, strict=False):
        yield Row("substep", name, "all of it", envs, 0.0, float(np.median(us)), spread(us), 0.0)
    one = times[-1] - bare
    yield Row(
        "substep",
        "one substep per call",
        "what several worlds per pass would need",
        envs,
        0.0,
        float(np.median(one)),
        spread(one),
        0.0,
    )
    for variant, us in zip(all_variants, times[2:-1], strict=True):
        extra = us - bare
        yield Row(
            "substep",
            variant.name,
            variant.idea,
            envs,
            variant.n_byte / 1e3,
            float(np.median(extra)),
            spread(extra),
            0.0,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--envs", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--alternations", type=int, default=15)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    everything = variants()
    rows = []
    for row in time_kernels(everything, args.alternations):
        rows.append(row)
    in_loop = [v for v in everything if v.name not in ("dot", "float32, all pairs")]
    for envs in args.envs:
        rows += time_substeps(in_loop, envs, args.threads, args.alternations)
    print(
        f"{'table':8s} {'envs':>4s} {'variant':26s} {'idea':40s} {'kB':>6s} {'us':>8s} {'+-':>6s} {'error':>8s}"
    )
    for row in rows:
        error = f"{row.activation_error:8.1e}" if row.activation_error else ""
        print(
            f"{row.table:8s} {row.envs:4d} {row.name:26s} {row.idea:40s} {row.kilobytes:6.0f} "
            f"{row.us:8.2f} {row.us_spread:6.2f} {error}"
        )
    if args.json:
        machine = {"processor": platform.processor(), "cpus": os.cpu_count(), "threads": args.threads}
        args.json.write_text(
            json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=1)
        )


if __name__ == "__main__":
    main()
