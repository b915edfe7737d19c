"""Parts of a user's own, compiled: a coordinator, and recorders.

A guest is a plain function of arrays in the subset of Python that Numba compiles. Its parameters name what it
is given. The kernel calls it through an address in the shared record, so that the kernel itself is not
compiled again; the guest is compiled once in every process, in a second or two.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import mujoco
import numba
import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core.errors import NumbaError
from numba.extending import intrinsic

from batchenv.body.mechanism import Mechanism
from batchenv.engine.memory import f64_pointer, i32_pointer, load_address, offset
from batchenv.engine.record import Layout, Part, Values
from batchenv.errors import ConfigError, nearest

F = TypeVar("F", bound=Callable[..., Any])
PART = Part(numbers={"guest_coordinator": np.uint64, "guest_recorder": np.uint64})
_POINTERS = {np.dtype(np.float64): "f64_pointer", np.dtype(np.int32): "i32_pointer"}
_SIGNATURE = types.int64(*[types.uintp] * 8)
# Slot that tells what went wrong in a world: 0 for nothing; 1 + k: recorder k raised an exception; -1: the
# coordinator did; -2 - m: it wrote NaN for muscle m.
FAULT = "guest_fault"
_COORDINATOR = -1


@dataclass(frozen=True)
class Recorder:
    """A recorder of a user's own.

    Attributes:
        name: of its slot, see `Worlds.slot`.
        function: called at the start of every substep.
        shape: of `out` in one world.
    """

    name: str
    function: Callable[..., Any]
    shape: tuple[int, ...]


def coordinator(function: F) -> F:
    """Make a function a coordinator, which writes the activations of one world in a substep.

    Its parameters are any of:

    - `crossing_ptr` (M + 1,), `crossing_joint` (K,): muscle m crosses the joints
      `crossing_joint[crossing_ptr[m]:crossing_ptr[m + 1]]`,
    - `jta` (K,): torque of each muscle at full activation on each joint that it crosses [Nm],
    - `required` (J,): torques that muscles are to make, passive torques subtracted [Nm],
    - `lower`, `upper` (M,): bounds of the activations,
    - `activation` (M,): those of the substep before; to be overwritten,
    - fields of MuJoCo's `MjData` that hold numbers, such as `qpos`, `qvel` or `xpos`.
    """
    function.__guest__ = "coordinator"  # pyright: ignore[reportFunctionMemberAccess]
    return function


def recorder(*shape: int) -> Callable[[F], F]:
    """Make a function a recorder, called in every world at the start of every substep.

    Its parameters are `out`, an array of this shape that a step clears before it begins (a number is an array
    of one); `substep`, from 0; and fields of MuJoCo's `MjData` that hold numbers. Positions and velocities
    are those at the start of the substep; forces and accelerations are those of the substep before. Terms are
    given the array as a quantity of the function's name.
    """

    def decorate(function: F) -> F:
        function.__guest__ = shape or (1,)  # pyright: ignore[reportFunctionMemberAccess]
        return function

    return decorate


def is_coordinator(function: object) -> bool:
    """Whether a function was made a coordinator."""
    return getattr(function, "__guest__", None) == "coordinator"


def recorded_shape(function: object) -> tuple[int, ...] | None:
    """Shape of what a function records; None for one that was not made a recorder."""
    shape: Any = getattr(function, "__guest__", None)
    return shape if isinstance(shape, tuple) else None


@intrinsic
def call_guest(typingctx, address, a, b, c, d, e, f, g, h):
    """Call a guest at an address with eight words; 1 where it came to its end."""
    signature = types.int64(*[types.uintp] * 9)

    def generate(context, builder, sig, args):
        word = context.get_value_type(types.uintp)
        function = ir.FunctionType(context.get_value_type(types.int64), [word] * 8)
        return builder.call(builder.inttoptr(args[0], function.as_pointer()), args[1:])

    return signature, generate


def values(coordinator: object, recorders: Sequence[Recorder]) -> Values:
    """The slot of what went wrong, where there are guests."""
    guests = coordinator is not None or bool(recorders)
    return Values(slots={FAULT: ()}, cleared=(FAULT,)) if guests else Values()


def blame(fault: int, coordinator: object, recorders: Sequence[Recorder], muscle_names: Sequence[str]) -> str:
    """What went wrong, by the number in `FAULT`, in words that the number of the world follows."""
    title = f"coordinator {getattr(coordinator, '__name__', '')!r}"
    if fault < _COORDINATOR:
        return f"{title} wrote nan as the activation of {muscle_names[_COORDINATOR - 1 - fault]!r} in"
    if fault > 0:
        title = f"recorder {recorders[fault - 1].name!r}"
    return f"{title} raised an exception, which Numba has printed, in"


@numba.njit
def _unknown(activation, required):
    """The first muscle whose activation is NaN, where torques are numbers; -1 where there is none."""
    for torque in required:
        if not math.isfinite(torque):
            return -1  # the world has diverged
    for m in range(activation.size):
        if math.isnan(activation[m]):
            return m
    return -1


def compile_coordinator(function: Callable[..., Any], mechanism: Mechanism, layout: Layout) -> Any:
    """Compile a coordinator for a body; its `address` is what the record holds.

    Raises:
        ConfigError: a parameter names nothing, or Numba cannot compile the function.
    """
    n, nj, nnz = len(mechanism.muscle_names), len(mechanism.joint_names), len(mechanism.crossing_joint)
    given = {
        "crossing_ptr": f"carray(i32_pointer(a), ({n + 1},))",
        "crossing_joint": f"carray(i32_pointer(b), ({nnz},))",
        "jta": f"carray(f64_pointer(c), ({nnz},))",
        "required": f"carray(f64_pointer(d), ({nj},))",
        "lower": f"carray(f64_pointer(e), ({n},))",
        "upper": f"carray(f64_pointer(f), ({n},))",
        "activation": f"carray(f64_pointer(g), ({n},))",
    }
    fault = f"g + np.uintp({8 * (layout.starts[FAULT] - layout.starts['activation']) % 2**64})"
    after = f"""
    muscle = unknown({given["activation"]}, {given["required"]})
    if muscle >= 0:
        fault[0] = {_COORDINATOR - 1} - muscle
        return 0
"""
    return _compile("coordinator", [(function, given, _COORDINATOR)], mechanism.model, "h", fault, after)


def compile_recorders(recorders: Sequence[Recorder], model: mujoco.MjModel, layout: Layout) -> Any:
    """Compile all recorders of some worlds into one function; its `address` is what the record holds.

    Raises:
        ConfigError: a parameter names nothing, or Numba cannot compile a function.
    """
    calls = []
    for number, each in enumerate(recorders):
        at = f"b + np.uintp({8 * layout.starts[each.name]})"
        given = {"out": f"carray(f64_pointer({at}), {each.shape})", "substep": "np.int64(c)"}
        calls.append((each.function, given, 1 + number))
    return _compile("recorder", calls, model, "a", f"b + np.uintp({8 * layout.starts[FAULT]})")


def _compile(
    kind: str,
    calls: Sequence[tuple[Callable[..., Any], Mapping[str, str], int]],
    model: mujoco.MjModel,
    data: str,
    fault: str,
    after: str = "",
) -> Any:
    """Compile a function of eight words a to h that calls others, and returns 1 where it comes to its end.

    Args:
        kind: of the guests.
        calls: each guest, the source of what it is given, and its number in `FAULT`.
        model: of the worlds.
        data: word of the MjData.
        fault: source of the address of `FAULT`. It keeps the number of a guest that raised an exception.
        after: source of what comes after the calls.
    """
    state = mujoco.MjData(model)
    names: dict[str, Any] = {
        "np": np,
        "carray": carray,
        "f64_pointer": f64_pointer,
        "i32_pointer": i32_pointer,
        "load_address": load_address,
        "unknown": _unknown,
    }
    lines = [f"    fault = carray(f64_pointer({fault}), (1,))\n    before = fault[0]\n"]
    for number, (function, given, code) in enumerate(calls):
        arguments = [
            given[name] if name in given else _field(kind, function, name, given, state, data)
            for name in inspect.signature(function).parameters
        ]
        names[f"guest_{number}"] = numba.njit(error_model="numpy")(function)
        lines.append(f"    fault[0] = {code}\n    guest_{number}({', '.join(arguments)})\n")
    lines.append(f"    fault[0] = before\n{after}    return 1\n")
    exec(f"def call(a, b, c, d, e, f, g, h):\n{''.join(lines)}", names)
    try:
        return numba.cfunc(_SIGNATURE)(names["call"])
    except NumbaError as error:
        titles = ", ".join(function.__name__ for function, _, _ in calls)
        raise ConfigError(f"{kind} {titles}: Numba cannot compile it: {error}") from error


def _field(
    kind: str,
    function: Callable[..., Any],
    name: str,
    given: Mapping[str, str],
    state: mujoco.MjData,
    data: str,
) -> str:
    """Source of the array that a field of MjData points to."""
    value = getattr(state, name, None) if not name.startswith("_") else None
    if not isinstance(value, np.ndarray) or value.dtype not in _POINTERS:
        known = [*given, "qpos", "qvel", "xpos"]
        raise ConfigError(
            f"{kind} {function.__name__}: parameter {name!r} names nothing.{nearest(name, known)} It may be "
            f"{', '.join(given)}, or a field of MjData that holds numbers, such as qpos"
        )
    at = offset("mjData", name)
    return f"carray({_POINTERS[value.dtype]}(load_address({data} + np.uintp({at}))), {value.shape})"
