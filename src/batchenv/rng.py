"""Random numbers that depend on nothing but (seed, world, episode): the same bits in any batch.

Philox4x32-10 of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC 2011).
"""

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from batchenv.arrays import shown, whole_number
from batchenv.compiled import compiled
from batchenv.errors import InputError

_MAX_SEED = 2**64 - 1
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


@numba.njit
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Encrypt a counter of four 32-bit words under a key of two, all held in uint64; four words."""
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (p1 >> _SHIFT) ^ c1 ^ k0, p1 & _LOW, (p0 >> _SHIFT) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & _LOW, (k1 + np.uint64(0xBB67AE85)) & _LOW
    return c0, c1, c2, c3


@compiled(allocates=False)
def _draw(seed, world, episode, stream, first, out):
    """Fill rows (n, count) with uniform numbers, beginning at each stream's block `first` (n,)."""
    count = out.shape[1]
    for i in range(out.shape[0]):
        k0, k1 = seed[i] & _LOW, seed[i] >> _SHIFT
        for block in range((count + 3) // 4):
            words = philox4x32(
                np.uint64(first[i] + block), np.uint64(world[i]), np.uint64(episode[i]), stream, k0, k1
            )
            for k in range(min(4, count - 4 * block)):
                out[i, 4 * block + k] = words[k] * 2.0**-32


def uniform(
    seed: int | np.ndarray,
    world: np.ndarray,
    episode: np.ndarray,
    count: int,
    stream: int = 0,
    first: np.ndarray | None = None,
) -> NDArray[np.floating]:
    """Draw from each world's own stream.

    Args:
        seed: any non-negative integer below 2**64: one for all, or of each stream (n,) uint64.
        world, episode: which streams (n,).
        count: how many numbers from each.
        stream: for what they are; different uses of one episode take different streams.
        first: how many blocks of four numbers of each stream to pass over (n,); None: none.

    Returns:
        (n, count) in [0, 1).
    """
    out = np.empty((len(world), count))
    start = np.zeros(len(world), np.int64) if first is None else first
    seeds = np.full(len(world), seed, np.uint64) if isinstance(seed, int) else seed
    _draw(seeds, world, episode, np.uint64(stream), start, out)
    return out


@numba.njit
def box_muller(first, second):
    """A standard normal number from two uniform ones; Box and Muller (1958)."""
    return math.sqrt(-2.0 * math.log1p(-first)) * math.cos(2.0 * math.pi * second)


@compiled()
def gaussian(u):
    """Standard normal numbers (n, count) from uniform ones (n, 2 count)."""
    count = u.shape[1] // 2
    out = np.empty((u.shape[0], count))
    for i in range(u.shape[0]):
        for k in range(count):
            out[i, k] = box_muller(u[i, k], u[i, count + k])
    return out


def checked_seed(seed: Any) -> int:
    """Return a seed that streams can have; None for one from the operating system.

    Raises:
        InputError: it is not a whole number from 0 to 2**64 - 1.
    """
    if seed is None:
        return secrets.randbits(63)
    number = whole_number(seed)
    if number is None or not 0 <= number <= _MAX_SEED:
        raise InputError(f"seed is {shown(seed)}; expected a whole number from 0 to 2**64 - 1")
    return number


@dataclass(frozen=True)
class Streams:
    """Which streams N worlds draw from.

    Attributes:
        seed: (N,) uint64.
        stream: number of each under its seed (N,).
        given: whether the world begins it, or goes on as it is (N,).
        one: the seed of all, None where worlds have seeds of their own.
    """

    seed: np.ndarray
    stream: np.ndarray
    given: np.ndarray
    one: int | None

    @classmethod
    def of(cls, seed: Any, num_worlds: int, first: int = 0) -> "Streams":
        """Check what a caller says of seeds.

        Args:
            seed: one number, of which every world has a stream of its own; or one for each world, which then
                draws what world 0 draws under that seed, None where a world goes on as it is.
            num_worlds: N.
            first: of those that have streams of one seed, the number of the first.

        Raises:
            InputError: there are more or fewer seeds than worlds, or one that streams cannot have.
        """
        if whole_number(seed) is not None or not _is_list(seed):
            one = checked_seed(seed)
            each = np.full(num_worlds, one, np.uint64)
            return cls(each, first + np.arange(num_worlds), np.ones(num_worlds, bool), one)
        try:
            seeds = list(seed)
        except Exception as error:  # whatever an object of the caller's raises
            raise InputError(
                f"seed is {shown(seed)}; expected a whole number, or one for each world"
            ) from error
        if len(seeds) != num_worlds:
            raise InputError(f"seed holds {len(seeds)} numbers, expected one for each of {num_worlds} worlds")
        given = np.array([value is not None for value in seeds])
        each = np.array([0 if value is None else checked_seed(value) for value in seeds], np.uint64)
        return cls(each, np.zeros(num_worlds, np.int64), given, None)


def _is_list(seed: Any) -> bool:
    """Whether a caller gives several seeds: a sequence, or an array of some dimension."""
    if isinstance(seed, Sequence):
        return not isinstance(seed, str | bytes | bytearray)
    try:
        return bool(getattr(seed, "shape", ()))
    except Exception:  # likewise
        return False
