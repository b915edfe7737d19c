"""Arguments of every kind that NumPy, Torch and Python can bring are meant, or refused by name."""

import re

import numpy as np
import pytest
import torch

from batchenv import BatchEnv, InputError
from batchenv.arrays import is_real, is_whole, numpy_array, shown, whole_number
from batchenv.inputs import LARGEST_ACTION
from batchenv.overlap import OverlappedEnv

SHAPE = (2, 14)


class Raises:
    """An object that answers nothing."""

    def __array__(self, *_, **__):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")


class RaisesAtOnce:
    def __getattr__(self, name):
        raise RuntimeError(name)


@pytest.fixture(scope="module")
def env():
    with BatchEnv("torque", 2, 1, seed=0) as env:
        env.reset()
        yield env


MEANT = {
    "bfloat16": torch.full(SHAPE, 0.5, dtype=torch.bfloat16),
    "a gradient": torch.full(SHAPE, 0.5, requires_grad=True),
    "float16": np.full(SHAPE, 0.5, np.float16),
    "longdouble": np.full(SHAPE, 0.5, np.longdouble),
    "lists": np.full(SHAPE, 0.5).tolist(),
    "numpy scalars": [[np.float32(0.5)] * 14] * 2,
    "zero-d arrays": [[np.array(0.5)] * 14] * 2,
    "nothing masked": np.ma.masked_array(np.full(SHAPE, 0.5), np.zeros(SHAPE, bool)),
}
REFUSED = {
    "ragged lists": [[0.5] * 14, [0.5] * 13],
    "an object that raises": Raises(),
    "an object that raises at once": RaisesAtOnce(),
    "whole numbers beyond 64 bits": [[10**30] * 14] * 2,
    "numbers of thousands of digits": [[10**5000] * 14] * 2,
    "strings": np.full(SHAPE, "0.5"),
    "objects": np.full(SHAPE, 0.5, object),
    "complex": np.full(SHAPE, 0.5j),
    "dates": np.full(SHAPE, np.datetime64("2026-01-01")),
    "masked values": np.ma.masked_array(np.full(SHAPE, 0.5), np.eye(*SHAPE, dtype=bool)),
    "a number": 0.5,
    "nothing": None,
    "a mapping": {"actions": np.full(SHAPE, 0.5)},
    "too large": np.full(SHAPE, 1e300),
    "too large for float32": np.full(SHAPE, 1e39),
    "long and too large": np.full(SHAPE, np.longdouble("1e400")),
    "not a number": np.full(SHAPE, np.nan, np.float16),
    "another device": torch.zeros(SHAPE, device="meta"),
    "sparse": torch.zeros(SHAPE).to_sparse(),
}


@pytest.mark.parametrize("kind", MEANT)
def test_actions_that_can_be_meant_are(env, kind):
    env.reset(seed=0)
    expected = env.step(np.full(SHAPE, 0.5))[0].copy()
    env.reset(seed=0)
    assert np.array_equal(env.step(MEANT[kind])[0], expected)


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("kind", REFUSED)
def test_actions_that_cannot_be_meant_are_refused_and_nothing_moves(env, kind):
    before = env.worlds.batch.state.copy()
    with pytest.raises(InputError, match="^actions"):
        env.step(REFUSED[kind])
    assert np.array_equal(env.worlds.batch.state, before)
    env.step(np.zeros(SHAPE))


def test_the_largest_action_gives_finite_results(env):
    for sign in (1.0, -1.0, 1.0):
        obs, rewards, _ = env.step(np.full(SHAPE, sign * LARGEST_ACTION))
        assert np.isfinite(obs).all() and np.isfinite(rewards).all() and np.isfinite(env.final_obs).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": np.array([2])}, "num_envs is array"),
        ({"num_envs": np.array(2)}, None),
        ({"num_envs": torch.tensor(2)}, None),
        ({"num_envs": 10**5000}, "num_envs is of type int; a world takes"),
        ({"num_envs": 2**70}, "num_envs is 1180591620717411303424"),
        ({"num_envs": np.bool_(True)}, "num_envs is np.True_"),
        ({"num_envs": torch.tensor(True)}, "num_envs is tensor"),
        ({"num_envs": np.array([2, 3])}, "num_envs is array"),
        ({"num_envs": None}, "num_envs is None"),
        ({"num_envs": Raises()}, "num_envs is of type Raises"),
        ({"num_threads": 0}, "num_threads is 0; expected a whole number from 1"),
        ({"num_threads": 10**6}, "num_threads is 1000000"),
        ({"num_threads": 1.5}, "num_threads is 1.5"),
        ({"first_world": 2**64}, "first_world is"),
        ({"autoreset": np.array(["same_step", "x"])}, "autoreset is array"),
        ({"autoreset": "same-step"}, "Did you mean 'same_step'"),
        ({"autoreset": None}, "autoreset is None"),
        ({"copy": "no"}, "copy is 'no'; expected True or False"),
        ({"seed": np.array(5)}, None),
        ({"seed": np.array(5.0)}, "seed is array"),
        ({"seed": float("nan")}, "seed is nan"),
    ],
)
def test_arguments_of_the_constructor(arguments, message):
    arguments = {"num_envs": 2, "num_threads": 1} | arguments
    if message is None:
        BatchEnv("torque", **arguments).close()
        return
    with pytest.raises(InputError, match=message):
        BatchEnv("torque", **arguments)


@pytest.mark.parametrize(
    "seed", [[1, 2, 3], "12", b"12", {1: 2}, Raises(), np.zeros((2, 2), int), [1, np.nan], 1j]
)
def test_seeds_of_reset_that_cannot_be_meant_change_nothing(env, seed):
    before = env.worlds.batch.state.copy(), env._episodes.copy()
    with pytest.raises(InputError, match="^seed"):
        env.reset(seed)
    assert np.array_equal(env.worlds.batch.state, before[0])
    assert np.array_equal(env._episodes.number, before[1].number)


@pytest.mark.parametrize(
    "mask", [[True], [[True, False]], [1, 0], "ab", Raises(), [True, [False]], [False, False]]
)
def test_masks_that_cannot_be_meant_are_refused(env, mask):
    with pytest.raises(InputError, match="the reset mask"):
        env.reset(mask=mask)


@pytest.mark.parametrize("mask", [[True, False], torch.tensor([True, False]), (np.True_, False)])
def test_a_mask_may_be_of_any_kind_of_bool(env, mask):
    env.reset(seed=1)
    first = env._episodes.number.copy()
    env.reset(mask=mask)
    assert (env._episodes.number - first).tolist() == [1, 0]


@pytest.mark.parametrize("ids", [[], [0, 0], [2], [-1], [0.0], [True], "0", Raises(), [[0]], [10**30], None])
def test_ids_that_cannot_be_meant_are_refused(env, ids):
    with pytest.raises(InputError, match="^ids"):
        env.set_parameters(ids, np.zeros((1, 0)))


@pytest.mark.parametrize("values", [Raises(), [[0.5], [0.5, 0.5]], "x", None, [[np.nan]]])
def test_parameters_that_cannot_be_meant_are_refused(env, values):
    with pytest.raises(InputError, match="^parameters"):
        env.set_parameters([0], values)


def test_a_watcher_that_cannot_be_called_is_refused_before_anything_moves(env):
    before = env.worlds.batch.state.copy()
    with pytest.raises(InputError, match="watch is 5; expected a function"):
        env.step(np.zeros(SHAPE), 5)  # pyright: ignore
    assert np.array_equal(env.worlds.batch.state, before)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Raises(), "no array can be made of this Raises"),
        ([[1.0], [1.0, 2.0]], "no array can be made of this list"),
        (np.array(1.0), "has shape ()"),
        (torch.ones(80, dtype=torch.int64), "has dtype int64"),
        (torch.ones(80, dtype=torch.bool), "has dtype bool"),
        (np.full(80, 1e300), "expected finite float32 numbers"),
        (np.full(80, 1.0, object), "has dtype object"),
        (np.ma.masked_array(np.ones(80), np.eye(80)[0]), "1 values are masked"),
    ],
)
def test_weights_of_a_muscle_network_that_cannot_be_meant_are_refused(value, message):
    with BatchEnv("walk_muscle_nn", 1, 1, seed=0) as env:
        state = env.muscle_network()
        name = list(state)[-1]
        with pytest.raises(InputError, match=re.escape(message)):
            env.set_muscle_network(state | {name: value})
        env.set_muscle_network({key: torch.from_numpy(array).bfloat16() for key, array in state.items()})


class Shaped:
    """Says that it is an array, and is none."""

    shape, dtype = (2,), np.dtype(int)


@pytest.mark.parametrize(
    "kind", [RaisesAtOnce, Shaped, Raises, lambda: torch.zeros(2, dtype=torch.int64, device="meta")]
)
def test_seeds_of_no_kind_are_refused(env, kind):
    seed = kind()
    with pytest.raises(InputError, match="seed is .*; expected a whole number"):
        env.reset(seed)


@pytest.mark.parametrize("steps", [Raises(), [[0], [0, 1]], torch.zeros(2, dtype=torch.int64, device="meta")])
def test_steps_of_episodes_of_no_kind_are_refused(env, steps):
    with pytest.raises(InputError, match="steps: no array can be made"):
        env.set_episode_steps(steps)


@pytest.mark.parametrize("num_envs", [3, 0, "4", 4.0, None, True, Raises()])
def test_halves_take_even_numbers_alone(num_envs):
    with pytest.raises(InputError, match="num_envs is .*; expected an even number"):
        OverlappedEnv("torque", num_envs)


def test_halves_refuse_what_is_no_half_no_seed_and_no_array():
    with OverlappedEnv("torque", 2, 1, seed=0) as halves:
        halves.reset()
        for half in (2, -1, True, "0", None, 0.0, np.zeros(2)):
            with pytest.raises(InputError, match="half is .*; expected 0 or 1"):
                halves.send(np.zeros((1, 14)), half)
        with pytest.raises(InputError, match="actions: no array"):
            halves.send(Raises(), 0)
        with pytest.raises(InputError, match="seed is"):
            halves.reset([1, 2])  # pyright: ignore
        halves.send(np.zeros((1, 14)), np.int64(0))
        halves.recv(0)


def test_anything_can_be_shown():
    assert shown(Raises()) == "of type Raises" and shown("a\nb") == r"'a\nb'"
    assert len(shown(list(range(1000)))) == 80


def test_whole_numbers_are_whole():
    assert [whole_number(x) for x in (3, np.int8(3), np.array(3), torch.tensor(3))] == [3, 3, 3, 3]
    assert not any(whole_number(x) for x in (3.0, True, np.True_, torch.tensor(True), "3", None, [3]))
    durations = (np.timedelta64(3), np.timedelta64(3, "s"), np.array(3, "m8[s]"), np.datetime64(3, "s"))
    assert not any(whole_number(x) or is_real(x) or is_whole(x) for x in durations)
    assert is_real(np.float32(3)) and is_whole(np.uint8(3)) and not is_whole(3.0) and not is_whole(True)


def test_arrays_keep_their_types():
    assert numpy_array("x", torch.zeros(2, dtype=torch.float16)).dtype == np.float16
    assert numpy_array("x", [1, 2]).dtype.kind == "i"
