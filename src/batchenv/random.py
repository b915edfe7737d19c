"""Random numbers that depend on nothing but (seed, world, episode): the same bits in any batch.

Philox4x32-10 of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011).
"""

import secrets

import numba
import numpy as np
from numpy.typing import NDArray

from batchenv.errors import InputError

_MAX_SEED = 2**64 - 1
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


@numba.njit(cache=True)
def philox4x32(counter, key):
    """Encrypt counters in place.

    Args:
        counter: four 32-bit words each (n, 4), held in uint64.
        key: two 32-bit words (2,), held in uint64.
    """
    for i in range(counter.shape[0]):
        c0, c1, c2, c3 = counter[i, 0], counter[i, 1], counter[i, 2], counter[i, 3]
        k0, k1 = key[0], key[1]
        for _ in range(10):
            p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
            c0, c1, c2, c3 = (p1 >> _SHIFT) ^ c1 ^ k0, p1 & _LOW, (p0 >> _SHIFT) ^ c3 ^ k1, p0 & _LOW
            k0, k1 = (k0 + np.uint64(0x9E3779B9)) & _LOW, (k1 + np.uint64(0xBB67AE85)) & _LOW
        counter[i, 0], counter[i, 1], counter[i, 2], counter[i, 3] = c0, c1, c2, c3


def uniform(
    seed: int,
    world: np.ndarray,
    episode: np.ndarray,
    count: int,
    stream: int = 0,
    first: np.ndarray | int = 0,
) -> NDArray[np.floating]:
    """Draw from each world's own stream.

    Args:
        seed: of the batch, any non-negative integer below 2**64.
        world, episode: which streams (n,).
        count: how many numbers from each.
        stream: for what they are; different uses of one episode take different streams.
        first: how many blocks of four numbers of each stream to pass over, (n,) or one for all.

    Returns:
        (n, count) in [0, 1).
    """
    blocks = -(-count // 4)
    counter = np.empty((len(world), blocks, 4), np.uint64)
    counter[..., 0] = np.arange(blocks) + np.reshape(first, (-1, 1))
    counter[..., 1] = np.asarray(world)[:, None]
    counter[..., 2] = np.asarray(episode)[:, None]
    counter[..., 3] = stream
    philox4x32(counter.reshape(-1, 4), np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint64))
    return counter.reshape(len(world), -1)[:, :count] * 2.0**-32


def gaussian(u: NDArray[np.floating]) -> NDArray[np.floating]:
    """Standard normal numbers (n, count) from uniform ones (n, 2 count), by Box and Muller (1958)."""
    first, second = np.split(u, 2, axis=1)
    return np.sqrt(-2.0 * np.log1p(-first)) * np.cos(2.0 * np.pi * second)


def checked_seed(seed: int | None) -> int:
    """Return a seed that streams can have; None for one from the operating system.

    Raises:
        InputError: it is no whole number from 0 to 2**64 - 1.
    """
    if seed is None:
        return secrets.randbits(63)
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed <= _MAX_SEED:
        raise InputError(f"seed is {seed!r}; expected a whole number from 0 to 2**64 - 1")
    return int(seed)
