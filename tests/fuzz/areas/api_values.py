"""Odd arguments as Python expressions; `api_calls` puts them into calls.

N, A, P and O are the numbers of worlds, actions, parameters and observations; `env` is the environment.
"""

import copy as copy_module
import dataclasses
import datetime
import decimal
import fractions
import math
import pickle
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch

import batchenv
from batchenv.evaluate import load_recording
from batchenv.evaluate.recording import from_arrays
from batchenv.evaluate.rollout import roll_out
from batchenv.evaluate.sweep import read_sweep
from batchenv.evaluate.walker import load_walker
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.learn.policy import load_policy
from batchenv.overlap import OverlappedEnv


class Raises:
    """Cannot be made an array of, nor a number, nor text, and has no truth."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise RuntimeError("no array")

    def __float__(self) -> float:
        raise RuntimeError("no number")

    __index__ = __float__
    __bool__ = __float__
    __len__ = __float__


class Shapeless:
    """Says that it is an array, and is none."""

    shape, dtype = (3, 14), np.dtype(float)


NAMESPACE: dict[str, Any] = {
    "batchenv": batchenv,
    "datetime": datetime,
    "decimal": decimal,
    "deque": deque,
    "fractions": fractions,
    "from_arrays": from_arrays,
    "OverlappedEnv": OverlappedEnv,
    "load_checkpoint": load_checkpoint,
    "load_policy": load_policy,
    "load_recording": load_recording,
    "load_walker": load_walker,
    "math": math,
    "np": np,
    "Path": Path,
    "pickle": pickle,
    "Raises": Raises,
    "read_sweep": read_sweep,
    "roll_out": roll_out,
    "Shapeless": Shapeless,
    "torch": torch,
    "copy": copy_module,
    "replace": dataclasses.replace,
    "BatchEnv": batchenv.BatchEnv,
    "VectorEnv": batchenv.VectorEnv,
}
"""What the expressions may name."""


def _expressions(text: str) -> tuple[str, ...]:
    """Expressions with semicolons between them."""
    return tuple(" ".join(part.split()) for part in text.split(";"))


GOOD_ACTIONS = _expressions(r"""
    np.zeros((N, A)); np.zeros((N, A), np.float32); np.full((N, A), 0.1, np.float16);
    np.ones((N, A), np.int8); np.zeros((N, A), bool); np.zeros((N, A), '>f8'); np.zeros((A, N)).T;
    np.zeros((N, A))[::-1, ::-1]; np.zeros((N, A)).tolist(); np.asfortranarray(np.zeros((N, A)));
    np.broadcast_to(0.1, (N, A)); np.zeros((2 * N, 2 * A))[::2, ::2]; torch.zeros(N, A);
    torch.zeros(N, A, dtype=torch.int64); np.zeros((N, A), np.longdouble); np.full((N, A), 5e-324);
    np.full((N, A), -0.0); [np.zeros(A) for _ in range(N)]; np.zeros((N, A), np.uint64)
""")
MAYBE_ACTIONS = _expressions(r"""
    torch.zeros(N, A, dtype=torch.bfloat16); torch.zeros(N, A, dtype=torch.float16);
    torch.zeros(N, A, requires_grad=True); np.full((N, A), 1e308); np.full((N, A), -1e39);
    np.full((N, A), 1e12); np.full((N, A), 1e6); np.full((N, A), np.iinfo(np.uint64).max, np.uint64);
    np.full((N, A), 1e300); np.full((N, A), 65504, np.float16); np.ma.zeros((N, A));
    np.asmatrix(np.zeros((N, A))); np.where(np.arange(A) == 3, 1e39, np.zeros((N, A)));
    deque([[0.0] * A] * N); np.random.default_rng(1).normal(0, 100, (N, A)); torch.zeros(N, A).to_sparse();
    np.zeros((N, A), np.longdouble) + 1
""")
BAD_ACTIONS = _expressions(r"""
    None; 0; 0.0; 'x'; b'x'; []; {}; (); object(); np.zeros(0); np.zeros(A); np.zeros((A, N));
    np.zeros((N, A, 1)); np.zeros((N + 1, A)); np.zeros((N, A + 1)); np.zeros((1, A)); np.zeros((0, A));
    np.zeros((N, 0)); np.full((N, A), np.nan); np.full((N, A), -np.inf); np.full((N, A), 1j);
    np.full((N, A), 'x'); np.full((N, A), b'1'); np.full((N, A), None);
    np.full((N, A), np.datetime64('2020')); np.full((N, A), np.timedelta64(1)); np.full((N, A), {}, object);
    [[0.0] * A] * (N - 1) + [[0.0]]; [[0.0] * A, None, 'x']; Raises(); [Raises()] * N; [[Raises()] * A] * N;
    Shapeless(); np.ma.masked_all((N, A)); torch.full((N, A), float('nan'));
    torch.full((N, A), float('inf'), dtype=torch.bfloat16); torch.zeros(N, A, device='meta');
    torch.zeros(N, A, dtype=torch.complex64); iter([[0.0] * A] * N); (row for row in [[0.0] * A] * N);
    {i: [0.0] * A for i in range(N)}; np.zeros((N, A), 'V8'); np.zeros((N, A), [('x', float)]);
    np.full((N, A), np.longdouble('inf')); lambda: 0; np.zeros; float; ...; NotImplemented;
    [[10**400] * A] * N; np.where(np.arange(A) == 3, np.nan, np.zeros((N, A)));
    np.full((N, A), decimal.Decimal(1)); '0' * A; [['0'] * A] * N; memoryview(b'ab'); set(); range(N);
    Path('x'); np.full((N, A), np.longdouble('1e4000'))
""")
NUMBERS = _expressions(r"""
    1; 2; 3; np.int64(2); np.uint8(2); np.int8(1); np.array(2); 2.0; np.float32(2); torch.tensor(2); True;
    np.True_; fractions.Fraction(2); decimal.Decimal(2); np.array([2]); '2'; 2 + 0j;
    torch.tensor(2.0, dtype=torch.bfloat16)
""")
NO_NUMBERS = _expressions(r"""
    -1; -(10**30); 10**5000; 1.5; math.nan; math.inf; -math.inf; 'x'; ''; b'x'; []; [1, 2]; {}; ();
    object(); np.nan; np.array([1, 2]); np.array('x'); np.datetime64('2020'); np.timedelta64(3); 1j;
    Raises(); lambda: 0; int; ...; NotImplemented; np.ma.masked; range(2); slice(2); torch.tensor([1, 2]);
    torch.tensor(float('nan')); datetime.date(2020, 1, 1); Path('x'); np.array(None); np.int64(-1);
    np.float16('nan'); torch.tensor(0, device='meta'); set(); '\u0661'; '9' * 5000
""")
REAL_NUMBERS = ("1.5", "math.inf")
"""Of those, the ones that a limit can be."""
LARGE = _expressions(r"""
    2**31; 2**31 - 1; 2**32; 2**53; 2**63 - 1; 2**63; 2**64; 2**64 - 1; 10**30; np.uint64(2**64 - 1); 1e300
""")
MASKS = _expressions(r"""
    np.ones(N, bool); [True] * N; np.arange(N) == 1; torch.ones(N, dtype=torch.bool); np.zeros(N, bool);
    np.ones(N); np.ones(N, int); np.ones(N + 1, bool); np.ones((N, 1), bool); True; 1; []; 'x';
    [True, False, None]; [True, [False], True]; Raises(); np.full(N, None); np.ma.masked_all(N, bool);
    {0: True}; (True for _ in range(N)); np.array(['True'] * N); object(); -1; np.ones(N, bool)[::-1];
    [Raises()] * N; torch.ones(N, dtype=torch.bool, device='meta'); np.full(N, np.nan)
""")
SEEDS = _expressions(r"""
    range(N); [0] * N; [None] * N; [0, None, 2]; np.arange(N); [0, -1, 2]; [0, 2**64, 1]; [0, 1]; [0.5] * N;
    ['x'] * N; [[0]] * N; (i for i in range(N)); {0: 1}; np.full(N, np.nan); np.arange(N, dtype=float);
    torch.arange(N); [True] * N; [Raises()] * N; np.arange(N).astype(object); np.arange(N, dtype='>i4');
    np.full(N, '1'); [10**400] * N; 'abc'; b'abc'; np.arange(N)[:, None]
""")
IDS = _expressions(r"""
    [0]; [2, 0]; np.arange(N); torch.tensor([1]); range(2); []; [0, 0]; [-1]; [N]; [0.0]; ['0']; 0; None;
    True; [True]; [10**30]; np.array([0], np.uint64); np.array([2**64 - 1], np.uint64); [[0]]; Raises();
    [Raises()]; [[0], 1]; object(); np.array([0], object); np.ma.masked_all(1, int); (i for i in range(1));
    {0}; np.ones(N, bool); [np.nan]; np.array(['2020'], 'M8[Y]')
""")
PARAMETERS = _expressions(r"""
    env.parameters[:1]; env.parameters; np.ones((1, P)); np.full((1, P), 0.7); [[0.7] * P];
    torch.full((1, P), 0.7); np.full((1, P), np.nan); np.full((1, P), 1e300); np.full((1, P), -1);
    np.zeros((1, P)); np.ones((1, P + 1)); np.ones(P); None; 'x'; [['x'] * P]; Raises(); [[0.7], 0.7];
    np.full((1, P), None); np.full((1, P), 0.7 + 0j); torch.full((1, P), 0.7, dtype=torch.bfloat16);
    np.full((1, P), '0.7'); 1.0; [[True] * P]; np.ma.masked_all((1, P)); np.full((1, P), 0.7, np.float16);
    np.full((1, P), np.longdouble('0.7')); [[10**400] * P]; {}
""")
SNAPSHOTS = _expressions(r"""
    snap; copy.deepcopy(snap); pickle.loads(pickle.dumps(snap)); other['two']; other['excite'];
    other['crouch']; None; 5; 'x'; {}; vars(snap); Raises(); snap.worlds; snap.task;
    replace(snap, worlds=None); replace(snap, task=None); replace(snap, obs=None);
    replace(snap, obs=snap.obs[:1]); replace(snap, obs=snap.obs * np.nan); replace(snap, seed=-1);
    replace(snap, seed='x'); replace(snap, seed=2**70);
    replace(snap, worlds=replace(snap.worlds, state=snap.worlds.state[:1]));
    replace(snap, worlds=replace(snap.worlds, state=snap.worlds.state * np.nan));
    replace(snap, worlds=replace(snap.worlds, state=snap.worlds.state.astype(object)));
    replace(snap, worlds=replace(snap.worlds, state=None));
    replace(snap, worlds=replace(snap.worlds, fields={'x': np.zeros(3)}));
    replace(snap, worlds=replace(snap.worlds, fields={'body_mass': np.zeros(1)}));
    replace(snap, worlds=replace(snap.worlds, fields={'body_mass': None}));
    replace(snap, worlds=replace(snap.worlds, fields=None)); replace(snap, worlds=other['two'].worlds);
    replace(snap, task=other['two'].task); replace(snap, task=other['crouch'].task);
    replace(snap, obs=snap.obs.astype('U'));
    replace(snap, worlds=replace(snap.worlds, state=snap.worlds.state.astype(np.float32)));
    replace(snap, worlds=replace(snap.worlds, state=snap.worlds.state * 0));
    replace(snap, worlds=replace(snap.worlds, state=snap.worlds.state * 1e200))
""")
WEIGHTS = _expressions(r"""
    state; {k: torch.tensor(v) for k, v in state.items()};
    {k: v.astype(np.float64) for k, v in state.items()}; {k: v.tolist() for k, v in state.items()}; {};
    None; 5; []; 'x'; Raises(); dict(list(state.items())[:-1]); state | {'x': np.zeros(1)};
    {k: v * np.nan for k, v in state.items()}; {k: v * np.float32(np.inf) for k, v in state.items()};
    {k: v.T for k, v in state.items()}; {k: v[:1] for k, v in state.items()}; {k: 0 for k in state};
    {k: None for k in state}; {k: 'x' for k in state}; {k: v.astype(object) for k, v in state.items()};
    {k: v + 1j for k, v in state.items()}; {k: Raises() for k in state};
    {k: np.full(v.shape, 1e39) for k, v in state.items()};
    {k: np.full(v.shape, 1e38) for k, v in state.items()};
    {k: v.astype(np.float16) for k, v in state.items()};
    {k: torch.tensor(v).bfloat16() for k, v in state.items()}; {1: 2};
    {k: torch.tensor(v, device='meta') for k, v in state.items()}; list(state.items());
    {k: [[1], [2, 3]] for k in state}; {k: v.astype('M8[s]') for k, v in state.items()};
    {k: v.astype(str) for k, v in state.items()}
""")
CONFIGS = _expressions(r"""
    'walk'; Path('walk'); ''; ' '; 'wlak'; None; 5; b'walk'; []; {}; {'environment': None};
    {'environment': {'reward': None}}; {1: 2}; Raises(); object(); '{'; '\x00'; 'a: ' + 'x' * 10**6;
    'a: [' * 10000; {'environment': {'reward': {'pose': {'weight': True}}}}; '/dev/zero'; '.'; '~';
    'a' * 10000; {'environment': {'reward': {'pose': {'weight': np.float32(1)}}}};
    {'environment': {'reward': {'pose': {'weight': np.array(1.0)}}}}; 'a: &a [*a]'; ('walk',);
    {'environment': {'reward': {'pose': {'weight': decimal.Decimal(1)}}}};
    {'environment': {'reward': {'pose': {'weight': 1e300}}}}; 'a: ' + '9' * 5000; 'a: 1e' + '9' * 5000;
    {'environment': {'reward': {'pose': {'weight': torch.tensor(1.0)}}}};
    {'environment': {'reward': {'pose': {'weight': Raises()}}}}; 'a: !!python/object/apply:os.getcwd []';
    '\ud800: 1'; {'base': 'walk', 'environment': {'motion': {'speed': 10**400}}}; {'base': ['walk']};
    {'base': Raises()}; 'walk\n'; 'environment:\n\t- x'; True
""")
CHANGES = _expressions(r"""
    {}; None; []; 'x'; {'': 1}; {'x': 1}; {1: 2}; {None: 1}; {'environment': 1}; {'environment.x': 1};
    {'environment..x': 1}; {'.': 1}; {'environment.': 1}; {'training.steps': %s};
    {'environment.motion.speed': %s}; {'environment.reward.pose.weight': %s};
    {'environment.reward.pose.scale': %s}; {'environment.skeleton.kp': %s};
    {'environment.motion.joint_scale': %s}; {'environment.action.residual': %s};
    {'environment.muscle.network.hidden': %s}; {'environment.motion.file': %s}; Raises();
    {'environment.reward': %s}; {'training.hidden': [%s]}; {'environment.simulation.sim_hz': %s};
    {'training.symmetry': %s}; {'environment.skeleton.actuator': %s}
""")
FILES = _expressions(r"""
    ''; '.'; '/'; 'gone'; 'gone.npz'; 'gone.h5'; None; 5; b'x.npz'; Path('gone.npz'); 'a' * 5000;
    'x\x00.npz'; Raises(); object(); '/dev/null'; '/dev/zero'; '/dev/zero.npz'; '~nobody/x.h5';
    '\udc80.npz'; []; 1.5; True; ('x.npz',)
""")
OBS = _expressions(r"""
    np.zeros(2); None; 'x'; np.zeros((2, 3)); Raises(); []; [[1], [2, 3]];
    np.full(len(walker.policy.mean), 'x'); np.full(len(walker.policy.mean), np.nan); 1j; object();
    torch.zeros(len(walker.policy.mean), dtype=torch.bfloat16); np.full(len(walker.policy.mean), 1e300);
    np.full(len(walker.policy.mean), None); np.zeros(len(walker.policy.mean))
""")
ODD = (*NUMBERS, *NO_NUMBERS, *LARGE, "None", "False", "0")
