"""The numbers that compiled code and NumPy share: one record for all worlds, `userdata` for each.

Every part of the engine declares its own in a `Part`. The dtype of the record and the places in `userdata`
are generated from these declarations. What a part contributes for one body are its `Values`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Kinds = Mapping[str, type[np.generic]]
Shape = tuple[int, ...]

# Leading slots of every world's userdata.
MAGIC_AT, RECORD_AT, SUBSTEP_AT, WORLD_AT, N_HEADER = 0, 1, 2, 3, 4
# In place of a substep's number: the world was reset and is only to be measured; and it was measured.
FRESH, MEASURED = -1, -2
# Leading fields of the record; the control callback looks for the kernel's address in the first one.
_HEADER = (("kernel", np.uint64), ("digest", np.int64), ("n_user", np.int64), ("substeps", np.int64))


@dataclass(frozen=True)
class Part:
    """Declaration of the numbers that a part shares with its compiled code.

    Attributes:
        numbers: fields of the record, with their types.
        arrays: arrays that the record points to, copied when worlds are built.
        buffers: arrays that the record points to where they lie, because their owner goes on using them.
        slots: names of places in `userdata`; the field `at_NAME` of the record holds where each begins.
    """

    numbers: Kinds = field(default_factory=dict)
    arrays: Kinds = field(default_factory=dict)
    buffers: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()


@dataclass
class Values:
    """Values that parts contribute for one body; names as in their `Part`.

    Attributes:
        numbers, arrays, buffers: of the record.
        slots: shape of each slot in one world.
        cleared: slots that a step clears before it begins.
    """

    numbers: dict[str, float] = field(default_factory=dict)
    arrays: dict[str, Any] = field(default_factory=dict)
    buffers: dict[str, np.ndarray] = field(default_factory=dict)
    slots: dict[str, Shape] = field(default_factory=dict)
    cleared: tuple[str, ...] = ()

    def __or__(self, other: "Values") -> "Values":
        return Values(
            self.numbers | other.numbers,
            self.arrays | other.arrays,
            self.buffers | other.buffers,
            self.slots | other.slots,
            self.cleared + other.cleared,
        )


@dataclass(frozen=True)
class Layout:
    """Layout of `userdata`: the place of each slot.

    Attributes:
        starts: of each slot, by name.
        shapes: of each slot in one world.
        size: of `userdata`.
    """

    starts: dict[str, int]
    shapes: dict[str, Shape]
    size: int

    @classmethod
    def of(cls, slots: Mapping[str, Shape]) -> "Layout":
        """Lay slots out one after another, behind the leading ones."""
        starts, start = {}, N_HEADER
        for name, shape in slots.items():
            starts[name] = start
            start += int(np.prod(shape))
        return cls(starts, dict(slots), start)

    def columns(self, name: str) -> slice:
        """Columns of `userdata` that a slot takes."""
        return slice(self.starts[name], self.starts[name] + int(np.prod(self.shapes[name])))

    def cleared(self, names: Iterable[str]) -> np.ndarray:
        """Columns that are zero when a step begins: the number of the substep, and those of some slots."""
        slots = (np.r_[self.columns(name)] for name in names)
        return np.concatenate([[SUBSTEP_AT], *slots]).astype(np.intp)


def record_dtype(parts: Iterable[Part]) -> np.dtype:
    """Return the dtype of the record of all parts; two parts may not declare the same field."""
    parts = tuple(parts)
    fields: list[tuple[str, type[np.generic]]] = [*_HEADER]
    for part in parts:
        fields += part.numbers.items()
        fields += [(f"at_{name}", np.int64) for name in part.slots]
        fields += [(name, np.uint64) for name in (*part.arrays, *part.buffers)]
    return np.dtype(fields)


class SharedRecord:
    """The record of some worlds, at an address that does not move; keep it alive while they step.

    Args:
        dtype: see `record_dtype`.
        parts: that declare what there is.
        values: of all parts; what they leave out is zero, or an empty array.
        layout: of `userdata`.
        header: values of the leading fields.
    """

    def __init__(
        self,
        dtype: np.dtype,
        parts: Iterable[Part],
        values: Values,
        layout: Layout,
        header: Mapping[str, float],
    ):
        parts = tuple(parts)
        kinds = {name: kind for part in parts for name, kind in part.arrays.items()}
        self.record = np.zeros(1, dtype)
        self.arrays = {
            name: np.array(values.arrays.get(name, ()), kind, order="C") for name, kind in kinds.items()
        }
        self.buffers = dict(values.buffers)
        self.owned: dict[str, np.ndarray] = {}
        addresses = {name: array.ctypes.data for name, array in (self.arrays | self.buffers).items()}
        # Slots of a user's own recorders have no field of their own: their code knows where they lie.
        slots = {name for part in parts for name in part.slots}
        places = {f"at_{name}": start for name, start in layout.starts.items() if name in slots}
        for name, value in {**header, **values.numbers, **addresses, **places}.items():
            self.record[name] = value

    @property
    def addresses(self) -> np.ndarray:
        """Where the records of worlds lie: one for all (1,), or each world's own (N,)."""
        return self.record.ctypes.data + self.record.itemsize * np.arange(len(self.record))

    def own(self, name: str, num_worlds: int) -> np.ndarray:
        """Live values of an array (N, ...), each world its own, at first those of all; records may move.

        Args:
            name: of the array.
            num_worlds: N.
        """
        if name not in self.owned:
            if len(self.record) != num_worlds:
                self.record = np.repeat(self.record, num_worlds)
            self.owned[name] = own = np.repeat(self.arrays[name][None], num_worlds, axis=0)
            starts = own[0].nbytes * np.arange(num_worlds, dtype=np.uint64)
            self.record[name] = np.uint64(own.ctypes.data) + starts
        return self.owned[name]
