"""Weights as the kernel reads them: narrow, in the order in which it needs them.

A layer is a row of blocks of 64 or 80 outputs (the last ones filled up with zeros), a block is

    words (n_group, words per group, outputs) | scale (outputs,) float32 | bias (outputs,) float32

and a group of words holds the weights of consecutive inputs:

    32 bits: one word, the float32 itself, scale 1
    21 bits: three inputs in two words; with `|` between the bits of a word, high bits first,
             first word = w0 (21) | high 11 bits of w2,  second word = low 10 bits of w2 | w1 (22)
    16 bits: two inputs in one word, w0 (16) | w1 (16)

Narrow weights are fixed-point fractions of the largest weight of their output. The kernel does not mask what
shares a word with a weight but reads it as the weight's lowest bits; weights are rounded to suit.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from batchenv.engine.coordinators.network.kernel import LANES, NARROW, WIDE, count_blocks, group_of

BITS = (32, 21, 16)
# The largest fixed-point magnitude, so far below 2^31 that no rounding with shared bits exceeds it.
_FULL_SCALE = 2.0**31 - 2.0**17
# Weights of an output that are all smaller than this times 2^31 lose precision that no activation can show.
_LEAST_SCALE = 1e-37

Parameters = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


def pack(parameters: Parameters, bits: int) -> NDArray[np.int32]:
    """Lay out parameters for the kernel.

    Args:
        parameters: weights (n_out, n_in) and biases (n_out,) of each layer, from first to last.
        bits: of a weight, one of `BITS`.
    """
    blocks = [block for weight, bias in parameters for block in _layer_blocks(weight, bias, bits)]
    packed = aligned_i32(sum(block.size for block in blocks))
    return np.concatenate(blocks, out=packed)


def unpack(packed: NDArray[np.int32], sizes: tuple[int, ...], bits: int) -> Parameters:
    """The parameters that the kernel computes with: those that were packed, rounded to `bits`."""
    return [
        ((weight.astype(float) * scale[:, None]).astype(np.float32), bias)
        for weight, scale, bias in unpack_scaled(packed, sizes, bits)
    ]


def unpack_scaled(
    packed: NDArray[np.int32], sizes: tuple[int, ...], bits: int
) -> list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
    """Of each layer: what the kernel multiplies inputs with (n_out, n_in), scale (n_out,), bias (n_out,)."""
    inputs, words = group_of(bits)
    layers, start = [], 0
    for n_in, n_out in itertools.pairwise(sizes):
        n_group = -(-n_in // inputs)
        weights, scales, biases = [], [], []
        for width in _block_widths(n_out):
            rows = packed[start : start + (n_group * words + 2) * width].reshape(-1, width)
            decoded = _decode(rows[:-2].reshape(n_group, words, width), bits)
            weights.append(decoded.reshape(n_group * inputs, width)[:n_in])
            scales.append(rows[-2].view(np.float32))
            biases.append(rows[-1].view(np.float32))
            start += rows.size
        weight = np.concatenate(weights, axis=1).T[:n_out]
        layers.append((weight, np.concatenate(scales)[:n_out], np.concatenate(biases)[:n_out]))
    return layers


def aligned_i32(size: int) -> NDArray[np.int32]:
    """Zeros (size,) at an address aligned to 64 bytes, so that no vector straddles two cache lines."""
    raw = np.zeros(size * 4 + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * 4].view(np.int32)


def _block_widths(n_out: int) -> list[int]:
    narrow, wide = count_blocks(n_out)
    return [NARROW * LANES] * narrow + [WIDE * LANES] * wide


def _layer_blocks(
    weight: NDArray[np.float32], bias: NDArray[np.float32], bits: int
) -> list[NDArray[np.int32]]:
    inputs, _ = group_of(bits)
    widths = _block_widths(weight.shape[0])
    n_group = -(-weight.shape[1] // inputs)
    filled = np.zeros((n_group * inputs, sum(widths)))
    filled[: weight.shape[1], : weight.shape[0]] = weight.T
    scale = np.ones(sum(widths), np.float32)
    if bits != 32:
        scale = np.maximum(np.abs(filled).max(axis=0) / _FULL_SCALE, _LEAST_SCALE).astype(np.float32)
    words = encode((filled / scale).reshape(n_group, inputs, -1), bits)
    biases = np.zeros(sum(widths), np.float32)
    biases[: bias.size] = bias
    rows = [*words.reshape(-1, sum(widths)), scale.view(np.int32), biases.view(np.int32)]
    return [block.ravel() for block in np.split(np.stack(rows), np.cumsum(widths)[:-1], axis=1)]


def encode(weights: NDArray[np.float64], bits: int) -> NDArray[np.int32]:
    """Words (n_group, words, n) of weights (n_group, inputs, n), scaled to less than 2^31."""
    if bits == 32:
        return weights.astype(np.float32).view(np.int32)
    if bits == 16:
        low = rounded(weights[:, 1], 16)
        return words_of((rounded(weights[:, 0] - (low & 0xFFFF), 16) << 16) + (low & 0xFFFF))
    w1 = rounded(weights[:, 1], 10)
    w2 = rounded(weights[:, 2] - (w1 >> 11 & 0x7FF), 11)
    w0 = rounded(weights[:, 0] - (w2 >> 10 & 0x7FF), 11)
    return words_of((w0 << 11) + (w2 >> 10 & 0x7FF), ((w2 & 0x3FF) << 22) + (w1 & 0x3FFFFF))


def _decode(words: NDArray[np.int32], bits: int) -> NDArray[np.float32]:
    """Weights (n_group, inputs, n) of words (n_group, words, n), as the kernel decodes them."""
    if bits == 32:
        return words.view(np.float32)
    if bits == 16:
        return np.concatenate([words, words << 16], axis=1).astype(np.float32)
    first, second = words[:, 0], words[:, 1]
    third = (first << 21) | (second >> 11 & 0x1FFFFF)
    return np.stack([first, second << 10, third], axis=1).astype(np.float32)


def rounded(values: NDArray[np.float64], shift: int) -> NDArray[np.int64]:
    """Values over 2**shift, to the nearest integer."""
    return np.rint(values / 2**shift).astype(np.int64)


def words_of(*words: NDArray[np.int64]) -> NDArray[np.int32]:
    """The low 32 bits of each, side by side as words of a group."""
    return np.stack(words, axis=1).astype(np.uint32).view(np.int32)
