"""The muscle network of one world, compiled, to be evaluated inside a physics substep.

One world's forward pass reads every weight once, so it costs what moving the weights through the cache
costs. They are therefore stored narrow, in blocks of 64 or 80 outputs whose sums stay in registers while the
inputs go by: for each input its weights for these outputs side by side, one fused multiply-add for each.
No sum is ever split, and a fused multiply-add is rounded once everywhere, so the bits are the same on every
machine, whatever the width of its vectors. Numba has no words for this: a block is written for LLVM itself.
"""

# Pyright does not see what Numba makes of intrinsics.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from batchenv.engine.coordinators.network.layout import LEAKY_SLOPE, PREVIOUS_SCALE, TORQUE_SCALE
from batchenv.engine.memory import carray, f32_pointer
from batchenv.engine.vectors import I32, I64, at, call_vector, splat

LANES = 16  # outputs side by side in one vector; LLVM splits a vector that is wider than the machine's
NARROW, WIDE = 4, 5  # vectors in a block

_F32 = ir.FloatType()
WORDS, FLOATS = ir.VectorType(I32, LANES), ir.VectorType(_F32, LANES)

Decode = Callable[[Any, list[Any]], list[Any]]


def fill(value: int) -> Any:
    """A vector of words that all hold one value."""
    return ir.Constant(WORDS, [value] * LANES)


def multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c over vectors, rounded once on every machine."""
    return call_vector(builder, f"llvm.fma.v{LANES}f32", FLOATS, [a, b, c])


def decode_32(builder: Any, words: list[Any]) -> list[Any]:
    """One float32."""
    return [builder.bitcast(words[0], FLOATS)]


def decode_21(builder: Any, words: list[Any]) -> list[Any]:
    """Three fixed-point weights in two words; the third: low bits of the first, high bits of the second."""
    first, second = words
    third = call_vector(builder, f"llvm.fshl.v{LANES}i32", WORDS, [first, second, fill(21)])
    return [builder.sitofp(word, FLOATS) for word in (first, builder.shl(second, fill(10)), third)]


def decode_16(builder: Any, words: list[Any]) -> list[Any]:
    """Two fixed-point weights in one word."""
    return [builder.sitofp(word, FLOATS) for word in (words[0], builder.shl(words[0], fill(16)))]


def dense_block(vectors: int, inputs: int, words: int, decode: Decode) -> Any:
    """Make an intrinsic (weights, x, groups, y) for one block of a layer; all but groups are addresses.

    y[k] = bias[k] + scale[k] * sum_i x[i] * decoded[i, k], summed in the order of i, for k in a block.

    Args:
        vectors: in the block, of `LANES` outputs each.
        inputs: that share a group of words.
        words: in a group.
        decode: emits a group's weights (inputs,) as float vectors, from its word vectors (words,).
    """

    @intrinsic
    def block(typingctx, weights, x, groups, y):
        signature = types.void(types.uintp, types.uintp, types.intp, types.uintp)

        def generate(context, builder, sig, args):
            _emit_block(builder, args, vectors, inputs, words, decode)
            return context.get_dummy_value()

        return signature, generate

    return block


def _emit_block(builder: Any, args: Any, vectors: int, inputs: int, words: int, decode: Decode) -> None:
    start, x_start, groups, y = args
    row = vectors * LANES * 4  # bytes of one word of every output of the block

    def load(address: Any, offset: int, kind: Any) -> Any:
        return builder.load(at(builder, address, offset, kind), align=4)

    before = builder.block
    loop, after = builder.append_basic_block("dense.loop"), builder.append_basic_block("dense.after")
    builder.branch(loop)
    builder.position_at_end(loop)
    group, weights, x = (builder.phi(I64) for _ in range(3))
    sums = [builder.phi(FLOATS) for _ in range(vectors)]
    values = [splat(builder, load(x, 4 * i, _F32), FLOATS) for i in range(inputs)]
    totals = []
    for v, total in enumerate(sums):
        packed = [load(weights, w * row + v * LANES * 4, WORDS) for w in range(words)]
        for value, weight in zip(values, decode(builder, packed), strict=True):
            total = multiply_add(builder, value, weight, total)
        totals.append(total)
    following = [builder.add(group, ir.Constant(I64, 1))]
    following += [
        builder.add(weights, ir.Constant(I64, words * row)),
        builder.add(x, ir.Constant(I64, 4 * inputs)),
    ]
    zero = ir.Constant(FLOATS, [0.0] * LANES)
    for phi, first, later in (
        *zip((group, weights, x), (ir.Constant(I64, 0), start, x_start), following, strict=True),
        *((phi, zero, total) for phi, total in zip(sums, totals, strict=True)),
    ):
        phi.add_incoming(first, before)
        phi.add_incoming(later, loop)
    builder.cbranch(builder.icmp_signed("<", following[0], groups), loop, after)
    builder.position_at_end(after)
    for v, total in enumerate(totals):
        scale, bias = (load(following[1], part * row + v * LANES * 4, FLOATS) for part in (0, 1))
        out = multiply_add(builder, total, scale, bias)
        builder.store(out, at(builder, y, v * LANES * 4, FLOATS), align=4)


@intrinsic
def stack_vectors(typingctx, count):
    """Address of room for `count` vectors of `LANES` float32 on the caller's stack; never inside a loop."""
    signature = types.uintp(types.intp)

    def generate(context, builder, sig, args):
        return builder.ptrtoint(builder.alloca(FLOATS, size=args[0]), I64)

    return signature, generate


_narrow_32, _wide_32 = (dense_block(v, 1, 1, decode_32) for v in (NARROW, WIDE))
_narrow_21, _wide_21 = (dense_block(v, 3, 2, decode_21) for v in (NARROW, WIDE))
_narrow_16, _wide_16 = (dense_block(v, 2, 1, decode_16) for v in (NARROW, WIDE))


@numba.njit
def count_blocks(units):
    """Number of narrow and of wide blocks that hold at least `units` outputs."""
    vectors = (units + LANES - 1) // LANES
    wide = vectors % NARROW
    if WIDE * wide > vectors:
        wide = 0
    return (vectors - WIDE * wide + NARROW - 1) // NARROW, wide


@numba.njit
def count_outputs(units):
    """Outputs of a layer, with those that fill up its last block."""
    narrow, wide = count_blocks(units)
    return (NARROW * narrow + WIDE * wide) * LANES


@numba.njit
def group_of(bits):
    """Inputs that share a group of 32-bit words, and words in the group, by the bits of a weight."""
    if bits == 32:
        return 1, 1
    return (3, 2) if bits == 21 else (2, 1)


@numba.njit
def _layer(weights, bits, n_in, n_out, x, y):
    """Affine layer from address x to address y; returns the address of the next layer's weights."""
    inputs, words = group_of(bits)
    groups = (n_in + inputs - 1) // inputs
    filled = carray(f32_pointer(x), (groups * inputs,))
    for i in range(n_in, groups * inputs):
        filled[i] = np.float32(0.0)
    narrow, wide = count_blocks(n_out)
    for block in range(narrow + wide):
        vectors = NARROW
        if block < narrow:
            if bits == 32:
                _narrow_32(weights, x, groups, y)
            elif bits == 21:
                _narrow_21(weights, x, groups, y)
            else:
                _narrow_16(weights, x, groups, y)
        else:
            vectors = WIDE
            if bits == 32:
                _wide_32(weights, x, groups, y)
            elif bits == 21:
                _wide_21(weights, x, groups, y)
            else:
                _wide_16(weights, x, groups, y)
        weights += np.uintp((groups * words + 2) * vectors * LANES * 4)
        y += np.uintp(vectors * LANES * 4)
    return weights


@numba.njit
def positive_tanh(z):
    """relu(tanh(z)) within 2e-7; NaN stays NaN.

    tanh(z / 2) = p / q is Lambert's continued fraction (1761) to its 13, and tanh(z) = 2 p q / (p^2 + q^2).
    """
    x = np.float32(0.5) * (np.float32(9.0) if z > np.float32(9.0) else z)
    s = x * x
    p = x * (np.float32(135135.0) + s * (np.float32(17325.0) + s * (np.float32(378.0) + s)))
    q = np.float32(135135.0) + s * (np.float32(62370.0) + s * (np.float32(3150.0) + s * np.float32(28.0)))
    return np.float32(0.0) if z <= np.float32(0.0) else np.float32(2.0) * p * q / (p * p + q * q)


@numba.njit
def _fill_inputs(inputs, jta, torque, previous_z, weight):
    """The columns of `MuscleNetLayout`."""
    start = 0
    if previous_z.size > 0:
        for m in range(previous_z.size):
            inputs[m] = np.float32(PREVIOUS_SCALE) * np.float32(previous_z[m])
        inputs[previous_z.size] = np.float32(weight)
        start = previous_z.size + 1
    for k in range(jta.size):
        inputs[start + k] = np.float32(jta[k]) / np.float32(TORQUE_SCALE)
    start += jta.size
    for j in range(torque.size):
        inputs[start + j] = np.float32(torque[j]) / np.float32(TORQUE_SCALE)


@numba.njit
def muscle_network(
    # network
    weights,
    bits,
    sizes,
    # inputs
    jta,
    torque,
    previous_z,
    weight,
    # out
    z,
    activation,
):
    """Evaluate the network of `MuscleNetLayout` for one world, without heap memory.

    Args:
        weights: address of weights as `packing.pack` lays them out.
        bits: of a packed weight, 32, 21 or 16.
        sizes: `MuscleNetLayout.sizes` (n_layer + 1,).
        jta: torque of each muscle at full activation on each joint it crosses (nnz,) [Nm].
        torque: that muscles are to make, passive torques subtracted (J,) [Nm].
        previous_z: z of the previous network of a cascade (M,), else (0,).
        weight: of this network in the cascade; 1 without one.
        z: out, previous_z + weight * network (M,).
        activation: out, relu(tanh(z)) (M,).
    """
    n_layer = sizes.size - 1
    longest = sizes[0]
    for size in sizes[1:]:
        longest = max(longest, count_outputs(size))
    longest += LANES  # room for the inputs that fill up the last group
    x = stack_vectors(2 * (longest // LANES + 1))
    y = x + np.uintp((longest // LANES + 1) * LANES * 4)
    _fill_inputs(carray(f32_pointer(x), (sizes[0],)), jta, torque, previous_z, weight)
    for layer in range(n_layer):
        weights = _layer(weights, bits, sizes[layer], sizes[layer + 1], x, y)
        x, y = y, x
        if layer < n_layer - 1:
            units = carray(f32_pointer(x), (sizes[layer + 1],))
            for k in range(units.size):
                units[k] = units[k] if units[k] > np.float32(0.0) else np.float32(LEAKY_SLOPE) * units[k]
    out = carray(f32_pointer(x), (activation.size,))
    for m in range(activation.size):
        value = out[m] * np.float32(weight)
        if previous_z.size > 0:
            value += np.float32(previous_z[m])
        z[m] = value
        activation[m] = positive_tanh(value)
