"""The calls that odd arguments go into; `{}` stands for the argument.

Of each: the argument's expressions, whether they are "good" (the call has to work), "bad" (it has to be
refused) or "either", and words of which a refusal has to contain one.
"""

from typing import Any, NamedTuple

import numpy as np

from tests.fuzz.areas.api_values import (
    BAD_ACTIONS,
    CHANGES,
    CONFIGS,
    FILES,
    GOOD_ACTIONS,
    IDS,
    LARGE,
    MASKS,
    MAYBE_ACTIONS,
    NO_NUMBERS,
    NUMBERS,
    OBS,
    ODD,
    PARAMETERS,
    REAL_NUMBERS,
    SEEDS,
    SNAPSHOTS,
    WEIGHTS,
)


class Call(NamedTuple):
    """An expression with one argument open, or two of which the second are parameters of worlds."""

    code: str
    arguments: tuple[str, ...]
    verdict: str = "either"
    names: tuple[str, ...] = ()


OPTIONS = ("{'x': 1}", "{1: 2}", "5", "'x'", "[1]", "Raises()")
MODES = ("'x'", "None", "5", "[]", "['same_step']", "True", "Raises()", "{}", "b'x'", "''")

STEPS = (
    Call("env.step({})", BAD_ACTIONS, "bad", ("action",)),
    Call("env.step({})", MAYBE_ACTIONS, "either", ("action",)),
    Call("env.step({})", GOOD_ACTIONS, "good", ("action",)),
)
BATCH = (
    *STEPS,
    *STEPS,
    Call("env.reset({})", NUMBERS, "either", ("seed",)),
    Call("env.reset({})", NO_NUMBERS, "bad", ("seed",)),
    Call("env.reset({})", LARGE, "either", ("seed",)),
    Call("env.reset({})", SEEDS, "either", ("seed",)),
    Call("env.reset(mask={})", MASKS, "either", ("mask",)),
    Call("env.reset(mask={})", ODD, "either", ("mask",)),
    Call("env.reset(3, {})", MASKS, "either", ("mask", "seed")),
    Call("env.set_parameters({}, {})", IDS, "either", ("id", "parameter", "world")),
    Call("env.set_parameters([0], {})", PARAMETERS, "either", ("parameter",)),
    Call("env.restore({})", SNAPSHOTS, "either", ("snapshot", "seed")),
    Call("env.step(np.zeros((N, A)), {})", NO_NUMBERS[:6], "bad", ("watch",)),
)
NETWORK = (
    *BATCH,
    Call("env.set_muscle_network({})", WEIGHTS, "either", ("weights", "fc", "state", "network")),
    Call("env.muscle_samples().torque if {} else 0", ("True",), "good"),
)
VECTOR = (
    *STEPS,
    Call("env.reset(seed={})", ODD, "either", ("seed",)),
    Call("env.reset(seed={})", SEEDS, "either", ("seed",)),
    Call("env.reset(options={{'reset_mask': {}}})", MASKS, "either", ("mask",)),
    Call("env.reset(options={})", OPTIONS, "bad", ("option",)),
    Call("env.reset(options={})", ("{}", "None"), "good"),
)
SINGLE = (
    Call("env.step(np.zeros(A)) if {} else 0", ("True",), "good"),
    Call("env.step({})", tuple(a.replace("(N, A)", "(A,)") for a in MAYBE_ACTIONS), "either", ("action",)),
    Call(
        "env.step({})",
        tuple(a.replace("(N, A)", "(A,)") for a in BAD_ACTIONS if a not in ("np.zeros(A)", "'0' * A")),
        "either",
        ("action",),
    ),
    Call("env.reset(seed={})", ODD, "either", ("seed",)),
    Call("env.reset(options={})", OPTIONS, "bad", ("option",)),
    Call("env.reset(options={})", ("{}", "None"), "good"),
)
SB3 = (
    *STEPS,
    Call("env.seed({})", ("None", "0", "5", "2**31"), "good"),
    Call("[env.seed({}), env.reset()]", NO_NUMBERS, "either"),
    Call("env.env_method({})", ("'x'", "'reset'", "5", "None"), "bad"),
    Call("env.set_attr('copy', True, {})", ("0", "[0]", "[0, 1]"), "bad", ("copy",)),
    Call("env.set_attr('copy', True, {})", ("None", "[0, 1, 2]"), "good"),
    Call("env.get_attr('num_envs', {})", ("0", "[0]", "None"), "good"),
)
OF_KIND = {"network": NETWORK, "vector": VECTOR, "single": SINGLE, "sb3": SB3}

FREE = (
    Call("BatchEnv('torque', {}, 1, 0)", NO_NUMBERS, "bad", ("num_envs",)),
    Call("BatchEnv('torque', {}, 1, 0)", NUMBERS, "either", ("num_envs",)),
    Call("BatchEnv('torque', {}, 1, 0)", LARGE, "bad", ("num_envs",)),
    Call("BatchEnv('torque', 1, {}, 0)", NO_NUMBERS, "bad", ("num_threads",)),
    Call("BatchEnv('torque', 1, {}, 0)", (*NUMBERS, *LARGE, "0", "False"), "either", ("num_threads",)),
    Call("BatchEnv('torque', 1, 1, {})", NO_NUMBERS, "bad", ("seed",)),
    Call("BatchEnv('torque', 1, 1, {})", (*NUMBERS, *LARGE), "either", ("seed",)),
    Call("BatchEnv('torque', 1, 1, 0, first_world={})", ODD, "either", ("first_world",)),
    Call("BatchEnv('torque', 1, 1, 0, autoreset={})", MODES, "bad", ("autoreset",)),
    Call("BatchEnv('torque', 1, 1, 0, copy={})", ("Raises()", "'x'", "5", "None", "[]", "np.ones(2)")),
    Call("BatchEnv('torque', 1, 1, 0, data_root={})", FILES, "either", ("data_root",)),
    Call("BatchEnv({}, 1, 1, 0)", CONFIGS),
    Call("batchenv.load_config({})", CONFIGS),
    Call("batchenv.load_config('walk', {})", FILES, "either", ("data_root",)),
    Call("config.replace({})", CHANGES),
    Call("BatchEnv(config.replace({}), 1, 1, 0)", CHANGES),
    Call("VectorEnv('torque', {}, num_threads=1)", NO_NUMBERS, "bad", ("num_envs",)),
    Call(
        "VectorEnv('torque', 1, num_threads=1, action_limit={})",
        tuple(argument for argument in NO_NUMBERS if argument not in REAL_NUMBERS),
        "bad",
        ("action_limit",),
    ),
    Call("VectorEnv('torque', 1, num_threads=1, action_limit={})", REAL_NUMBERS, "good"),
    Call(
        "VectorEnv('torque', 1, num_threads=1, action_limit={})",
        (*NUMBERS, *LARGE, "0"),
        "either",
        ("action_limit",),
    ),
    Call("VectorEnv('torque', 1, num_threads=1, autoreset_mode={})", ODD, "either", ("autoreset_mode",)),
    Call(
        "VectorEnv('torque', 1, num_threads=1, render_mode={})", (*NO_NUMBERS, "'human'"), "bad", ("render",)
    ),
    Call(
        "VectorEnv('torque', 1, num_threads=1, render_mode='rgb_array', width={})",
        (*NO_NUMBERS, *LARGE, "0"),
        "bad",
        ("width",),
    ),
    Call(
        "VectorEnv('torque', 1, num_threads=1, {})",
        ("x=1", "environment=5", "environment={'x': 1}", "training=None", "copy=Raises()"),
    ),
    Call("OverlappedEnv('torque', {}, 1, 0)", NO_NUMBERS, "bad", ("num_envs",)),
    Call(
        "OverlappedEnv('torque', {}, 1, 0)",
        ("2", "np.int64(2)", "True", "2.0", "1", "0", "10**30", "3"),
        "either",
        ("num_envs",),
    ),
    Call("load_recording({})", FILES, "bad"),
    Call("load_policy({})", FILES, "bad"),
    Call("load_checkpoint({})", FILES, "bad"),
    Call("load_walker({})", FILES, "bad"),
    Call("read_sweep({}, ('soleus_r',))", FILES, "bad"),
    Call("roll_out(walker, {}, 1, None, 0, 1)", tuple(file for file in FILES if file != "'gone.h5'"), "bad"),
    Call("roll_out(walker, 'x.h5', {}, None, 0, 1)", NO_NUMBERS, "bad", ("strides",)),
    Call("roll_out(walker, 'x.h5', 1, None, {}, 1)", NO_NUMBERS, "bad", ("seed",)),
    Call("roll_out(walker, 'x.h5', 1, None, 0, {})", NO_NUMBERS, "bad", ("threads",)),
    Call("walker.policy({}).shape", OBS, "either", ("obs",)),
    Call("from_arrays({})", ("{}", "None", "5", "{'x': 1}", "{1: 2}", "Raises()", "{'dt': 1}"), "bad"),
)


def drawn_call(rng: np.random.Generator, kind: str) -> dict[str, Any]:
    """Draw a call for an environment of this kind: its code, its verdict, and the names."""
    calls = FREE if rng.random() < 0.35 else OF_KIND.get(kind, BATCH)
    call = calls[int(rng.integers(len(calls)))]
    argument = str(rng.choice(call.arguments))
    if "%s" in argument:
        argument = argument.replace("%s", str(rng.choice(ODD)))
    code = call.code.format(argument, rng.choice(PARAMETERS))
    return {"code": code, "verdict": call.verdict, "names": call.names}
