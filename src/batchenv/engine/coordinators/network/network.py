"""The muscle network that all worlds share: parameters, checked, and packed where the kernel reads them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchenv.arrays import numpy_array
from batchenv.engine.coordinators.network.layout import MuscleNetLayout
from batchenv.engine.coordinators.network.packing import BITS, pack, unpack
from batchenv.errors import InputError, nearest

StateDict = dict[str, NDArray[np.float32]]


class MuscleNetwork:
    """Parameters of a network, at an address that does not move.

    Args:
        layout: columns and layer sizes.
        bits: in which the kernel holds a weight: 32 (float32), 21 or 16.
        seed: of the first parameters, see `init_state`.

    Attributes:
        sizes: `layout.sizes` (n_layer + 1,).
        packed: what the kernel reads.
    """

    def __init__(self, layout: MuscleNetLayout, bits: int = 21, seed: int | np.random.Generator = 0):
        if bits not in BITS:
            raise InputError(f"weights of {bits} bits: expected one of {', '.join(map(str, BITS))}")
        self.layout, self.bits = layout, bits
        self.sizes = np.array(layout.sizes, np.int32)
        self._state = init_state(layout, seed)
        self.packed = pack(_parameters(layout, self._state), bits)

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over parameters, between two steps of the worlds.

        Args:
            state: Torch tensors or arrays by the keys of `layout.parameter_shapes`, "fc.0.weight",
                "fc.0.bias", "fc.2.weight", ..., or by "fc1.weight", "fc1.bias", "fc2.weight", ...

        Raises:
            InputError: a key, shape, dtype or value is wrong; the old parameters stay.
        """
        checked = check_state(self.layout, state)
        packed = pack(_parameters(self.layout, checked), self.bits)
        self.packed[:] = packed
        self._state = checked

    def state(self) -> StateDict:
        """Copies of the parameters last loaded, by the keys "fc.0.weight", ..."""
        return {key: value.copy() for key, value in self._state.items()}

    def effective_state(self) -> StateDict:
        """The parameters that the kernel computes with: those of `state`, rounded to `bits`."""
        parameters = unpack(self.packed, self.layout.sizes, self.bits)
        return dict(
            zip(self.layout.parameter_shapes, (p for layer in parameters for p in layer), strict=True)
        )


def init_state(layout: MuscleNetLayout, seed: int | np.random.Generator) -> StateDict:
    """Draw weights from Xavier's uniform distribution (Glorot and Bengio 2010, eq. 16); biases are zero.

    Args:
        layout: columns and layer sizes.
        seed: or a generator that is drawn from.
    """
    rng = np.random.default_rng(seed)
    state: StateDict = {}
    for key, shape in layout.parameter_shapes.items():
        bound = np.sqrt(6.0 / sum(shape)) if len(shape) == 2 else 0.0
        state[key] = rng.uniform(-bound, bound, shape).astype(np.float32)
    return state


def check_state(layout: MuscleNetLayout, state: Mapping[str, Any]) -> StateDict:
    """Return float32 copies by the keys of the layout, or refuse as `MuscleNetwork.load` does."""
    if not isinstance(state, Mapping):
        raise InputError(
            f"muscle network: {type(state).__name__} given, expected a mapping from key to array"
        )
    names = _key_names(layout, state)
    for key in state:
        if key not in names.values():
            raise InputError(
                f"muscle network: unknown key {key!r}.{nearest(str(key), names.values())} "
                f"Expected {', '.join(names.values())}"
            )
    checked: StateDict = {}
    for key, shape in layout.parameter_shapes.items():
        name = names[key]
        if name not in state:
            raise InputError(f"muscle network: key {name!r} is missing; expected {', '.join(names.values())}")
        checked[key] = _check_parameter(name, state[name], shape)
    return checked


def _key_names(layout: MuscleNetLayout, state: Mapping[str, Any]) -> dict[str, str]:
    """The user's name of each key: "fc1.weight" for "fc.0.weight" where the keys are numbered like that."""
    numbered = any(str(key)[:2] == "fc" and str(key)[2:3].isdigit() for key in state)
    if not numbered or any(str(key).startswith("fc.") for key in state):
        return {key: key for key in layout.parameter_shapes}
    parts = {key: key.split(".") for key in layout.parameter_shapes}
    return {key: f"fc{int(place) // 2 + 1}.{part}" for key, (_, place, part) in parts.items()}


def _check_parameter(name: str, value: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
    array = numpy_array(f"muscle network: {name!r}", value)
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"muscle network: {name!r} has dtype {array.dtype}, expected floating-point numbers")
    if array.shape != shape:
        raise InputError(f"muscle network: {name!r} has shape {array.shape}, expected {shape}")
    with np.errstate(over="ignore"):
        checked = np.array(array, np.float32, order="C")
    bad = np.argwhere(~np.isfinite(checked))
    if bad.size:
        where = tuple(int(i) for i in bad[0])
        raise InputError(
            f"muscle network: {name!r} holds {array[where]} at {where}, {len(bad)} such values in all; "
            "expected finite float32 numbers"
        )
    return checked


def _parameters(
    layout: MuscleNetLayout, state: StateDict
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    keys = list(layout.parameter_shapes)
    return [(state[weight], state[bias]) for weight, bias in zip(keys[::2], keys[1::2], strict=True)]
