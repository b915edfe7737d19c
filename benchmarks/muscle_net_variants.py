"""Ways to store and stream the weights of the muscle network, each a complete forward pass of one world.

Those named "21 bits", "16 bits" and "float32" are the shipped blocks and packing; the rest exist only here.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
from numba import carray

from batchenv.engine.coordinators.network import kernel, packing
from batchenv.engine.memory import f32_pointer

# 228 pairs of a muscle and a joint, 14 torques; three hidden layers; 80 muscles.
SIZES = (242, 256, 256, 256, 80)
# With a column for every muscle on every joint, crossed or not.
ALL_PAIRS = (80 * 14 + 14, 256, 256, 256, 80)


@dataclass(frozen=True)
class Variant:
    """One way to evaluate the network.

    Attributes:
        name, idea: for the table.
        sizes: of the layers.
        weights: what the pass reads.
        evaluate: compiled (address of weights, x, y) -> address of z; x holds the inputs, both are scratch.
    """

    name: str
    idea: str
    sizes: tuple[int, ...]
    weights: np.ndarray
    evaluate: Callable


def random_parameters(sizes, seed=0):
    """Xavier-uniform weights and small biases, of each layer."""
    rng = np.random.default_rng(seed)
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        bound = np.sqrt(6 / (n_in + n_out))
        weight = rng.uniform(-bound, bound, (n_out, n_in)).astype(np.float32)
        layers.append((weight, rng.normal(0, 0.05, n_out).astype(np.float32)))
    return layers


def all_variants():
    some, every = random_parameters(SIZES), random_parameters(ALL_PAIRS)
    return [
        loop_variant("dot", "a dot product per output", dot_products, False, some),
        loop_variant("fast dot", "the same, its sum reordered (fastmath)", fast_dot_products, False, some),
        loop_variant("axpy", "input-major, outputs side by side", axpy, True, some),
        block_variant("float32, all pairs", "JtA of every muscle on every joint", FLOAT32, every),
        block_variant("float32", "sums of 64 outputs in registers", FLOAT32, some),
        block_variant("24 bits", "4 weights in 3 words", BITS_24, some),
        block_variant("21 bits", "3 weights in 2 words", BITS_21, some),
        block_variant("16 bits", "2 weights in 1 word", BITS_16, some),
        block_variant("bfloat16", "2 weights in 1 word", BFLOAT16, some),
        block_variant("8 bits", "4 weights in 1 word", BITS_8, some),
    ]


# ---------------------------------------------------------------- loops over a float32 matrix


@numba.njit
def leaky(address, n):
    units = carray(f32_pointer(address), (n,))
    for k in range(n):
        units[k] = units[k] if units[k] > np.float32(0) else np.float32(0.2) * units[k]


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


def loop_variant(name, idea, layer, input_major, parameters):
    """A variant whose layers are loops in Numba."""
    parts = [part for w, b in parameters for part in ((w.T if input_major else w).ravel(), b)]
    weights = packing.aligned_i32(sum(part.size for part in parts))
    np.concatenate(parts, out=weights.view(np.float32))
    sizes = (parameters[0][0].shape[1], *(bias.size for _, bias in parameters))
    shape, n_layer = np.array(sizes), len(parameters)

    @numba.njit
    def evaluate(at, x, y):
        for i in range(n_layer):
            n_in, n_out = shape[i], shape[i + 1]
            matrix = carray(f32_pointer(at), (n_in * n_out,))
            bias = carray(f32_pointer(at + np.uintp(4 * n_in * n_out)), (n_out,))
            layer(matrix, bias, carray(f32_pointer(x), (n_in,)), carray(f32_pointer(y), (n_out,)))
            at += np.uintp(4 * (n_in + 1) * n_out)
            x, y = y, x
            if i < n_layer - 1:
                leaky(x, n_out)
        return x

    return Variant(name, idea, sizes, weights, evaluate)


# ---------------------------------------------------------------- blocks in registers


@dataclass(frozen=True)
class Format:
    """How the weights of a group of inputs lie in words; fixed-point: scaled to each output's largest."""

    inputs: int
    words: int
    fixed_point: bool
    decode: Callable
    encode: Callable


def _integers(builder, words):
    return [builder.sitofp(word, kernel.FLOATS) for word in words]


def _decode_24(builder, words):
    first, second, third = words
    fourth = third
    for word in (second, first):
        arguments = [word, fourth, kernel.fill(24)]
        fourth = kernel.call_vector(builder, "llvm.fshl.v16i32", kernel.WORDS, arguments)
    return _integers(builder, (first, second, builder.shl(third, kernel.fill(8)), fourth))


def _encode_24(weights):
    w2 = packing.rounded(weights[:, 2], 8)
    w3 = packing.rounded(weights[:, 3] - (w2 >> 16 & 0xFF), 8)
    high, middle = w3 >> 16 & 0xFF, w3 >> 8 & 0xFF
    w0, w1 = packing.rounded(weights[:, 0] - high, 8), packing.rounded(weights[:, 1] - middle, 8)
    return packing.words_of((w0 << 8) + high, (w1 << 8) + middle, ((w3 & 0xFF) << 24) + (w2 & 0xFFFFFF))


def _decode_bfloat16(builder, words):
    low = builder.shl(words[0], kernel.fill(16))
    return [builder.bitcast(word, kernel.FLOATS) for word in (words[0], low)]


def _encode_bfloat16(weights):
    bits = weights.astype(np.float32).view(np.uint32).astype(int)
    low = (bits[:, 1] + 0x7FFF + (bits[:, 1] >> 16 & 1)) >> 16
    return packing.words_of((((bits[:, 0] - low + 0x8000) >> 16) << 16) + low)


def _decode_8(builder, words):
    return _integers(builder, (words[0], *(builder.shl(words[0], kernel.fill(n)) for n in (8, 16, 24))))


def _encode_8(weights):
    word = np.zeros(weights[:, 0].shape, int)
    for i in (3, 2, 1, 0):
        byte = packing.rounded(weights[:, i] - word * 2.0 ** (8 * i), 24)
        word += (byte & 0xFF) << 8 * (3 - i)
    return packing.words_of(word)


FLOAT32 = Format(1, 1, False, kernel.decode_32, lambda weights: packing.encode(weights, 32))
BITS_24 = Format(4, 3, True, _decode_24, _encode_24)
BITS_21 = Format(3, 2, True, kernel.decode_21, lambda weights: packing.encode(weights, 21))
BITS_16 = Format(2, 1, True, kernel.decode_16, lambda weights: packing.encode(weights, 16))
BFLOAT16 = Format(2, 1, False, _decode_bfloat16, _encode_bfloat16)
BITS_8 = Format(4, 1, True, _decode_8, _encode_8)


def block_variant(name, idea, form, parameters):
    """A variant on the shipped kernel's blocks: hidden layers in blocks of 64 outputs, the last of 80."""
    n_input, n_word = form.inputs, form.words
    narrow, wide = (kernel.dense_block(v, n_input, n_word, form.decode) for v in (4, 5))
    parts = []
    for weight, bias in parameters:
        n_out, n_in = weight.shape
        filled = np.zeros((-(-n_in // n_input) * n_input, n_out))
        filled[:n_in] = weight.T
        scale = np.abs(filled).max(axis=0) / 2.1e9 if form.fixed_point else np.ones(n_out)
        words = form.encode((filled / scale).reshape(-1, n_input, n_out)).reshape(-1, n_out)
        rows = np.stack([*words, scale.astype(np.float32).view(np.int32), bias.view(np.int32)])
        parts += [block.ravel() for block in np.split(rows, n_out // (80 if n_out % 64 else 64), axis=1)]
    weights = packing.aligned_i32(sum(part.size for part in parts))
    np.concatenate(parts, out=weights)
    sizes = (parameters[0][0].shape[1], *(bias.size for _, bias in parameters))
    shape, n_layer = np.array(sizes), len(parameters)

    @numba.njit
    def evaluate(at, x, y):
        for i in range(n_layer):
            groups = (shape[i] + n_input - 1) // n_input
            inputs = carray(f32_pointer(x), (groups * n_input,))
            for k in range(shape[i], groups * n_input):
                inputs[k] = np.float32(0)
            block = 80 if shape[i + 1] % 64 else 64
            for start in range(0, shape[i + 1], block):
                out = y + np.uintp(4 * start)
                if block == 64:
                    narrow(at, x, groups, out)
                else:
                    wide(at, x, groups, out)
                at += np.uintp(4 * block * (groups * n_word + 2))
            x, y = y, x
            if i < n_layer - 1:
                leaky(x, shape[i + 1])
        return x

    return Variant(name, idea, sizes, weights, evaluate)
