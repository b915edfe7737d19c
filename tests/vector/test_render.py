import re

import numpy as np
import pytest

from batchenv import Env, InputError, UsageError, VectorEnv
from batchenv.evaluate.offscreen import BACKENDS, usable

needs_gl = pytest.mark.skipif(
    not any(usable(backend) for backend in BACKENDS),
    reason="needs OpenGL without a screen: apt-get install libegl1 or libosmesa6",
)


@needs_gl
def test_closing_one_environment_does_not_freeze_the_picture_of_another():
    first, second = (Env("walk", render_mode="rgb_array", width=64, height=48) for _ in range(2))
    for env in (first, second):
        env.reset(seed=0)
        before = env.render()
    first.close()
    for _ in range(10):
        second.step(np.zeros(14, np.float32))
    assert not np.array_equal(second.render(), before)
    second.close()
    with pytest.raises(UsageError, match="render after close"):
        second.render()


@pytest.mark.parametrize(
    "size", [{"width": 0}, {"height": -3}, {"width": 1e3}, {"width": np.timedelta64(3)}, {"height": 10**6}]
)
def test_sizes_that_no_picture_has_are_refused_when_the_worlds_are_built(size):
    ((name, value),) = size.items()
    with pytest.raises(
        InputError, match=f"{name} is {re.escape(repr(value))}; expected a whole number of pixels"
    ):
        VectorEnv("walk", 1, render_mode="rgb_array", **size)


def test_reset_of_one_world_takes_no_options():
    env = Env("walk")
    env.reset(seed=0, options={})
    with pytest.raises(InputError, match=r"unknown options \{'x': 1\} of reset"):
        env.reset(options={"x": 1})
    env.close()
