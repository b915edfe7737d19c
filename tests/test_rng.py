import numpy as np
import pytest

from batchenv import InputError, rng
from batchenv.rng import Streams

KEY = np.array([0xA4093822, 0x299F31D0], np.uint64)
COUNTER = np.array([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], np.uint64)


def test_philox_gives_the_published_answers():
    """Known answers of Random123's kat_vectors for philox4x32-10."""
    zero = rng.philox4x32(*np.zeros(6, np.uint64))
    assert [hex(w) for w in zero] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]
    pi = rng.philox4x32(*COUNTER, *KEY)
    assert [hex(w) for w in pi] == ["0xd16cfe09", "0x94fdcceb", "0x5001e420", "0x24126ea1"]


def test_a_world_draws_the_same_in_any_batch():
    alone = rng.uniform(7, np.array([5]), np.array([2]), 9)
    among = rng.uniform(7, np.arange(32), np.full(32, 2), 9)
    assert np.array_equal(alone[0], among[5])


def test_worlds_episodes_seeds_and_streams_differ_everywhere():
    base = rng.uniform(1, np.arange(64), np.zeros(64, int), 8)
    others = (
        rng.uniform(2, np.arange(64), np.zeros(64, int), 8),
        rng.uniform(1, np.arange(64), np.ones(64, int), 8),
        rng.uniform(1, np.arange(64), np.zeros(64, int), 8, stream=1),
    )
    assert len(np.unique(base)) == base.size
    for other in others:
        assert not np.isin(other, base).any()


def test_numbers_are_spread_as_they_should():
    u = rng.uniform(3, np.arange(1000), np.zeros(1000, int), 40)
    z = rng.gaussian(rng.uniform(3, np.arange(1000), np.ones(1000, int), 80))
    # Standard errors with 40,000 numbers: 0.0015 and 0.005; five of them are allowed.
    assert abs(u.mean() - 0.5) < 0.0075 and abs(u.std() - 12**-0.5) < 0.0075
    assert abs(z.mean()) < 0.025 and abs(z.std() - 1.0) < 0.025
    assert u.min() >= 0.0 and u.max() < 1.0


def test_one_seed_gives_worlds_streams_of_their_own_and_many_give_each_the_first():
    one = Streams.of(7, 3)
    assert one.seed.tolist() == [7, 7, 7] and one.stream.tolist() == [0, 1, 2] and one.given.all()
    many = Streams.of([5, None, 2**64 - 1], 3)
    assert many.seed[[0, 2]].tolist() == [5, 2**64 - 1] and many.stream.tolist() == [0, 0, 0]
    assert many.given.tolist() == [True, False, True] and (one.one, many.one) == (7, None)
    mixed = rng.uniform(np.array([5, 6], np.uint64), np.array([0, 3]), np.array([1, 2]), 6)
    assert np.array_equal(mixed[0], rng.uniform(5, np.array([0]), np.array([1]), 6)[0])
    assert np.array_equal(mixed[1], rng.uniform(6, np.array([3]), np.array([2]), 6)[0])


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ([1, 2], "seed holds 2 numbers, expected one for each of 3 worlds"),
        ([1, 2, -3], "seed is -3; expected a whole number"),
        (0.5, "seed is 0.5; expected a whole number"),
        (np.array(0.5), "seed is array.0.5.; expected a whole number"),
        (np.array(True), "seed is array.True.; expected a whole number"),
        (np.zeros(3), "seed is np.float64.0.0.; expected a whole number"),
        (np.zeros((3, 2), int), "expected a whole number"),
        ([True, 1, 2], "seed is True; expected a whole number"),
        ("123", "seed is '123'; expected a whole number"),
        ([10**5000, 1, 2], "seed is of type int; expected a whole number"),
        ({0: 1}, "seed is {0: 1}; expected a whole number"),
    ],
)
def test_seeds_that_cannot_be_meant_are_refused(seed, message):
    with pytest.raises(InputError, match=message):
        Streams.of(seed, 3)


@pytest.mark.parametrize("seed", [np.array(5), np.int8(5), np.uint64(5), 5])
def test_a_seed_may_be_of_any_whole_type(seed):
    assert Streams.of(seed, 2).one == 5 and Streams.of([seed, None], 2).seed[0] == 5
