"""The commands of a task: their columns, and when each world draws them."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, cast

import numpy as np

from batchenv.arrays import numpy_array, shown
from batchenv.errors import ConfigError, InputError, UsageError, nearest
from batchenv.mdp.batch import Batch
from batchenv.mdp.columns import Column, Mirror, check_distinct, stacked
from batchenv.mdp.episodes import AGAIN, COMMANDS
from batchenv.mdp.quantities import Function
from batchenv.mdp.state import CommandState
from batchenv.mdp.terms import Term

Array = np.ndarray
_NEVER = np.iinfo(np.int64).max
# Squares of commands, and sums of many, are finite float32 still.
LARGEST = 1e15


class CommandSet:
    """K commands of C columns in all.

    Args:
        task: that has them.
        terms: which draw them (K,).
        every: least and greatest time between two drawings of each [s] (K,); None: once in an episode.
        again: share of the episodes after a fall that begin with what each was (K,).

    Attributes:
        layout: name and unit of every column (C,).
        mirror: image of the columns in the sagittal plane.

    Raises:
        ConfigError: columns are invalid, have no names that terms could ask for, or one name twice.
    """

    def __init__(
        self,
        task: Any,
        terms: Sequence[Term] = (),
        every: Sequence[tuple[float, float] | None] = (),
        again: Sequence[float] = (),
    ):
        self._terms, self._every, self._again = tuple(terms), tuple(every), np.array(again)
        found = [term.columns(task) for term in terms]
        layouts = [
            columns.named("" if all(columns.parts) else term.name, term.mark.unit)
            for term, columns in zip(terms, found, strict=True)
        ]
        ends = [0, *accumulate(len(layout) for layout in layouts)]
        self._places = [slice(a, b) for a, b in pairwise(ends)]
        self.layout: tuple[Column, ...] = tuple(column for layout in layouts for column in layout)
        self.mirror: Mirror = stacked([columns.mirror for columns in found])
        for term, layout in zip(terms, layouts, strict=True):
            _check_names(term.where, layout)
            check_distinct(term.where, layout, self.layout)

    @property
    def terms(self) -> tuple[Term, ...]:
        """What draws them (K,)."""
        return self._terms

    def __len__(self) -> int:
        return len(self._terms)

    def new_state(self, num_worlds: int) -> CommandState:
        """Commands of N worlds before their first reset."""
        shape = num_worlds, len(self)
        return CommandState(
            values=np.zeros((num_worlds, len(self.layout))),
            due=np.full(shape, _NEVER),
            drawn=np.zeros(shape, np.int64),
            held=np.zeros(shape, bool),
        )

    def quantities(self) -> dict[str, Function]:
        """The quantities `command` and `commanded_NAME`, where there are commands."""
        if not self.layout:
            return {}
        columns = {f"commanded_{column.name}": _column(k) for k, column in enumerate(self.layout)}
        return {"command": _column(slice(None)), **columns}

    def begin(self, state: CommandState, task: Any, batch: Batch[Any, Any], ids: Array) -> None:
        """Draw all commands of worlds (n,) whose episode begins."""
        if not self:
            return
        before, repeated = state.values[ids], self._repeated(state, task, batch, ids)
        state.drawn[ids], state.held[ids] = 0, False
        for k, place in enumerate(self._places):
            self._draw(k, state, task, batch, ids)
            rows = repeated[:, k]
            state.values[ids[rows], place] = before[rows, place]

    def _repeated(self, state: CommandState, task: Any, batch: Batch[Any, Any], ids: Array) -> Array:
        """Which commands worlds (n,) whose episode begins are given once more (n, K) bool."""
        if not self._again.any():
            return np.zeros((len(ids), len(self)), bool)
        fell = task.ended_early(batch, ids) & (batch.episodes.number[ids] > 0)
        again = batch.episodes.uniform(ids, len(self), AGAIN) < self._again
        return fell[:, None] & again & ~state.held[ids]

    def draw_due(self, state: CommandState, task: Any, batch: Batch[Any, Any]) -> Array:
        """Draw commands whose time has come, and return the worlds (n,) in which there are any."""
        episodes = batch.episodes
        due = (state.due <= episodes.step[:, None]) & ~state.held & ~episodes.ended[:, None]
        for k in np.flatnonzero(due.any(axis=0)):
            self._draw(int(k), state, task, batch, np.flatnonzero(due[:, k]))
        return np.flatnonzero(due.any(axis=1))

    def checked(self, values: Any, num_worlds: int) -> dict[int, Array] | None:
        """Values by column, each (num_worlds,); None stays None.

        Args:
            values: by name of a column, one number or one for each world.
            num_worlds: how many worlds they are for.

        Raises:
            InputError: there is no such column, or a value is not a finite number.
            UsageError: there are no commands.
        """
        names = [column.name for column in self.layout]
        if not names:
            raise UsageError(
                "there are no commands: list some in environment.commands, and train with them; or take a "
                "walker that was, such as command"
            )
        if values is None:
            return None
        asked = cast("Mapping[Any, Any]", values)
        if not isinstance(values, Mapping) or not asked:
            raise InputError(
                f"commands are {shown(asked)}; expected a mapping of names to values, such as "
                f"{{{names[0]!r}: 0.0}}"
            )
        found: dict[int, Array] = {}
        for name, value in asked.items():
            if not isinstance(name, str) or name not in names:
                hint = nearest(name, names) if isinstance(name, str) else ""
                raise InputError(f"there is no command {shown(name)}.{hint} There are: {', '.join(names)}")
            found[names.index(name)] = _checked_column(name, value, num_worlds)
        return found

    def hold(self, state: CommandState, ids: Array, values: Mapping[int, Array]) -> None:
        """Set columns in worlds (n,); the commands that they are of are not drawn until the episode ends."""
        for column, value in values.items():
            state.values[ids, column] = value
            state.held[ids, [place.start <= column < place.stop for place in self._places].index(True)] = True

    def release(self, state: CommandState, task: Any, batch: Batch[Any, Any], ids: Array) -> None:
        """Draw commands again that are held in worlds (n,)."""
        for k in range(len(self)):
            held = ids[state.held[ids, k]]
            state.held[held, k] = False
            self._draw(k, state, task, batch, held)

    def _draw(self, k: int, state: CommandState, task: Any, batch: Batch[Any, Any], ids: Array) -> None:
        if not ids.size:
            return
        term, place, every = self._terms[k], self._places[k], self._every[k]
        episodes, before = batch.episodes, state.drawn[ids, k]

        def draw(count: int) -> Array:
            return episodes.uniform(ids, count, COMMANDS + 2 * k, before)

        given = {"batch": batch, "draw": draw, "ids": sealed_copy(ids), "task": task}
        values = np.asarray(term.checked(given, (len(ids), place.stop - place.start)), np.float64)
        inside = np.abs(values) <= LARGEST  # not-a-number is outside, too
        if not inside.all():
            row, column = (int(place) for place in np.argwhere(~inside)[0])
            raise InputError(
                f"{term.title} drew {values[row, column]} for {self.layout[place.start + column].name!r} in "
                f"world {ids[row]}; expected a finite number of at most {LARGEST:g} in size"
            )
        state.values[ids, place] = values
        state.drawn[ids, k] = before + 1
        if every is None:
            state.due[ids, k] = _NEVER
        else:
            least, most = every
            u = episodes.uniform(ids, 1, COMMANDS + 2 * k + 1, before)[:, 0]
            steps = np.rint((least + (most - least) * u) / task.control_dt).astype(np.int64)
            state.due[ids, k] = episodes.step[ids] + np.maximum(steps, 1)


def sealed_copy(ids: Array) -> Array:
    """A copy that nobody can write into, for code of a user's own."""
    copy = np.array(ids)
    copy.flags.writeable = False
    return copy


def _column(column: int | slice) -> Function:
    return lambda task, q: q.batch.commands.values[q.rows, column].copy()


def _check_names(where: str, layout: Sequence[Column]) -> None:
    for column in layout:
        if not column.name.isidentifier():
            raise ConfigError(
                f"{where}: a column is called {column.name!r}; expected letters, digits and underscores, "
                "since terms ask for commanded_NAME"
            )


def _checked_column(name: str, value: Any, num_worlds: int) -> Array:
    array = numpy_array(f"command {name!r}", value)
    if array.shape not in ((), (num_worlds,)) or array.dtype.kind not in "fiu":
        raise InputError(
            f"command {name!r} has shape {array.shape} and dtype {array.dtype}; expected a number, or one "
            f"for each world, ({num_worlds},)"
        )
    wrong = np.flatnonzero(~(np.abs(array.astype(float)) <= LARGEST))
    if wrong.size:
        raise InputError(
            f"command {name!r} is {array.flat[wrong[0]]}; expected a finite number of at most {LARGEST:g} "
            "in size"
        )
    return np.broadcast_to(array.astype(float), num_worlds)
