"""Random numbers that depend on nothing but (seed, world, episode): the same bits in any batch.

Philox4x32-10 of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011), vectorised over worlds.
"""

import numpy as np
from numpy.typing import NDArray

_MULTIPLIER = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


def philox4x32(counter: NDArray[np.uint64], key: tuple[int, int]) -> NDArray[np.uint64]:
    """Encrypt counters.

    Args:
        counter: four 32-bit words each (..., 4), held in uint64.
        key: two 32-bit words.

    Returns:
        (..., 4) random 32-bit words.
    """
    c0, c1, c2, c3 = np.moveaxis(counter, -1, 0)
    for r in range(10):
        k0, k1 = (np.uint64((k + r * w) & 0xFFFFFFFF) for k, w in zip(key, _WEYL, strict=True))
        high0, low0 = (p := _MULTIPLIER[0] * c0) >> _SHIFT, p & _LOW
        high1, low1 = (p := _MULTIPLIER[1] * c2) >> _SHIFT, p & _LOW
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return np.stack([c0, c1, c2, c3], axis=-1)


def uniform(
    seed: int, world: np.ndarray, episode: np.ndarray, count: int, stream: int = 0
) -> NDArray[np.float64]:
    """Draw from each world's own stream.

    Args:
        seed: of the batch, any non-negative integer below 2**64.
        world, episode: which streams (n,).
        count: how many numbers from each.
        stream: for what they are; different uses of one episode take different streams.

    Returns:
        (n, count) in [0, 1).
    """
    blocks = -(-count // 4)
    counter = np.empty((len(world), blocks, 4), np.uint64)
    counter[..., 0] = np.arange(blocks)
    counter[..., 1] = np.asarray(world)[:, None]
    counter[..., 2] = np.asarray(episode)[:, None]
    counter[..., 3] = stream
    words = philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32))
    return words.reshape(len(world), -1)[:, :count] * 2.0**-32


def normal(
    seed: int, world: np.ndarray, episode: np.ndarray, count: int, stream: int = 0
) -> NDArray[np.float64]:
    """Draw standard normal numbers (n, count), by Box and Muller (1958); arguments as for `uniform`."""
    u = uniform(seed, world, episode, 2 * count, stream)
    return np.sqrt(-2.0 * np.log1p(-u[:, :count])) * np.cos(2.0 * np.pi * u[:, count:])
