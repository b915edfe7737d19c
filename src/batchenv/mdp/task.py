"""A task: terms composed into actions, observations, rewards, terminations, events and commands."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from types import ModuleType
from typing import Any, ClassVar, Generic, Self

import numpy as np

from batchenv.arrays import shown
from batchenv.body import GaitCycle
from batchenv.config import CommandConfig, Config
from batchenv.config.section import Section as ConfigSection
from batchenv.engine import ControlLaw, Worlds
from batchenv.errors import BatchEnvError, ConfigError, InputError
from batchenv.mdp import commands, events
from batchenv.mdp.batch import Batch, BodyT, StateT
from batchenv.mdp.capture import Capture
from batchenv.mdp.columns import Column, Columns, Mirror, check_distinct, permutation, stacked
from batchenv.mdp.command_set import CommandSet, sealed_copy
from batchenv.mdp.episodes import EVENTS
from batchenv.mdp.figure import Figure
from batchenv.mdp.marks import Kind
from batchenv.mdp.quantities import Quantities, quantities_of
from batchenv.mdp.resets import Start
from batchenv.mdp.terms import Keywords, Section, Term

Terms = Mapping[str, Keywords]
"""Keywords of terms, by the name of each as in YAML."""


class Task(Generic[BodyT, StateT]):
    """What is asked of the walkers in N worlds.

    A task is fixed: it holds a body and terms, and no state of any world. State comes in and goes out in a
    `Batch` of arrays, so that worlds can be snapshot, and some of them be observed alone. A subclass says
    what its terms are given (`quantity`), and what it asks for where YAML does not.

    Args:
        config: the whole configuration.
        body: what moves.

    Attributes:
        Environment: model of the section `environment`.
        shipped: modules whose terms of each kind need no file.
        default_terms: terms of each kind where YAML lists none.
        one_speed: whether all worlds are to walk at `usual_speed`.
        measured_worlds: whether derived fields of the worlds are those of the state; see `Worlds`.
        control_dt: length of a step [s].
        obs_layout, action_layout: name and unit of every column.
        mirror_obs, mirror_action: images of the columns in the sagittal plane.
        reward_names: of the reward terms.
        commands: what each world is asked; none unless a subclass lists some.
    """

    Environment: ClassVar[type[ConfigSection]]
    shipped: ClassVar[Mapping[Kind, Sequence[ModuleType]]] = {}
    default_terms: ClassVar[Mapping[Kind, Terms]] = {}
    measured_worlds: ClassVar[bool] = False
    one_speed: ClassVar[bool] = True

    obs_layout: tuple[Column, ...]
    mirror_obs: Mirror
    action_layout: tuple[Column, ...]
    mirror_action: Mirror
    reward_names: tuple[str, ...]

    def __init__(self, config: Config, body: BodyT):
        self.config, self.body = config, body
        self.control_dt = 1.0 / config.environment.simulation.control_hz
        self.functions = quantities_of(type(self))
        self.commands = CommandSet(self)

    @classmethod
    def load_body(cls, config: Config, *, visual: bool = False) -> BodyT:
        """Load the body that a configuration names; `visual` keeps what only the eye needs."""
        raise NotImplementedError

    @classmethod
    def control_law(cls, config: Config, body: BodyT, seed: int = 0) -> ControlLaw:
        """The control law of a configuration; `seed` is that of a muscle network without a file."""
        raise NotImplementedError

    @classmethod
    def of(cls, config: Config, body: BodyT) -> Self:
        """The task of a configuration, with what it reads from files."""
        return cls(config, body)

    # What a subclass says of its body, for columns and for those who look at walkers.
    @property
    def joint_names(self) -> Sequence[str]:
        """Primary joints (J,)."""
        raise NotImplementedError

    @property
    def muscle_names(self) -> Sequence[str]:
        """Muscles (M,)."""
        raise NotImplementedError

    @property
    def mirror_joints(self) -> Mirror:
        """Image of joint positions."""
        raise NotImplementedError

    @property
    def mirror_muscles(self) -> Mirror:
        """Image of muscles."""
        raise NotImplementedError

    @property
    def asymmetry(self) -> str | None:
        """A clause on what differs between the two sides of all worlds; None where mirror images hold."""
        return None

    @property
    def reference_range(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Least and greatest joint positions of all references, each (J,) [rad]; None where none is known."""
        return None

    @property
    def axes(self) -> np.ndarray:
        """Forward, left and up in the world (3, 3)."""
        raise NotImplementedError

    @property
    def usual_speed(self) -> float:
        """Speed that is usually asked for [m/s]."""
        raise NotImplementedError

    @property
    def reference(self) -> GaitCycle | None:
        """The gait cycle that is followed; None where there is none."""
        return None

    def reference_phase(self, state: StateT) -> np.ndarray:
        """Phase of the reference in all worlds (N,), in [0, 1)."""
        raise NotImplementedError

    @property
    def speed_column(self) -> str:
        """Name of the observation that is the speed forward [m/s]."""
        raise NotImplementedError

    @property
    def period(self) -> float:
        """Length of the usual gait cycle [s]."""
        raise NotImplementedError

    def capture(self, worlds: Worlds[BodyT]) -> Capture:
        """Measure worlds as recordings have them."""
        raise NotImplementedError

    def figure(self, worlds: Worlds[BodyT]) -> Figure:
        """Draw worlds."""
        raise NotImplementedError

    @property
    def max_episode_steps(self) -> int:
        """After which episodes are truncated."""
        raise NotImplementedError

    def timed_out(self, batch: Batch[BodyT, StateT]) -> np.ndarray:
        """Whether the time of each episode is over (N,) bool: `max_episode_steps`, unless said otherwise."""
        return batch.episodes.step >= self.max_episode_steps

    @property
    def actuator(self) -> str:
        """What actions drive."""
        return self.config.environment.skeleton.actuator

    # What a subclass does with its own state.
    def new_state(self, num_worlds: int) -> StateT:
        """State of N worlds before their first reset."""
        raise NotImplementedError

    def apply_actions(self, batch: Batch[BodyT, StateT]) -> None:
        """Set the worlds' targets for the next step from `batch.episodes.action`."""
        raise NotImplementedError

    def advance(self, batch: Batch[BodyT, StateT]) -> None:
        """Update the task's own state after a step of the worlds."""
        raise NotImplementedError

    def random_states(self, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw states of all kinds, qpos (n, nq) and qvel (n, nv), for muscles to be tried in.

        Needed of a task without a `reference`, whose surroundings are drawn otherwise.
        """
        raise NotImplementedError

    def place(self, batch: Batch[BodyT, StateT], ids: np.ndarray, start: Start) -> None:
        """Put worlds (n,) into their first states."""
        batch.worlds.reset(ids, start.qpos, start.qvel)

    def difficulty_of(self, batch: Batch[BodyT, StateT]) -> np.ndarray:
        """How hard it is made for each world, from 0 to 1 (N,)."""
        return np.ones(batch.worlds.num_worlds)

    def ended_early(self, batch: Batch[BodyT, Any], ids: np.ndarray) -> np.ndarray:
        """Whether the last episode of worlds (n,) ended before its time (n,) bool.

        Of tasks that do not know it, none did.
        """
        return np.zeros(len(ids), bool)

    # Parameters of the worlds; a task has none unless it says so.
    @property
    def parameter_names(self) -> tuple[str, ...]:
        """What differs from world to world (P,)."""
        return ()

    def parameter_values(self, state: StateT) -> np.ndarray:
        """Parameters of all worlds now (N, P), a copy."""
        raise NotImplementedError

    def checked_parameters(self, values: Any, num_worlds: int) -> np.ndarray:
        """Values for some worlds as (num_worlds, P); raises InputError where they are invalid."""
        raise NotImplementedError

    def set_parameters(self, batch: Batch[BodyT, StateT], ids: np.ndarray, values: np.ndarray) -> None:
        """Give worlds (n,) parameters (n, P), checked."""
        raise NotImplementedError

    # Terms.
    def find_terms(self, kind: Kind, path: str, listed: Terms) -> tuple[Term, ...]:
        """Terms that YAML lists under a path.

        Raises:
            ConfigError: a term does not exist, or does not take a keyword.
        """
        names = _GIVEN.get(kind) or tuple(self.functions)
        section = Section(kind, path, self.shipped.get(kind, ()), names)
        terms = section.resolve(listed)
        for term in terms:
            if term.mark.when == "step" and "start" in term.quantities:
                raise ConfigError(
                    f"{term.where}: an event before every step has no 'start'; take 'batch', or make "
                    'it an @event_term("reset")'
                )
        return terms

    def compose_commands(self, listed: Mapping[str, CommandConfig]) -> None:
        """Lay out the columns of the commands, and make quantities of them.

        Raises:
            ConfigError: a term does not exist or does not fit, its columns are invalid, or a quantity has the
                name of theirs.
        """
        terms = self.find_terms(
            "command", "environment.commands", {key: section.arguments for key, section in listed.items()}
        )
        sections = listed.values()
        every, again = [section.every for section in sections], [section.again for section in sections]
        self.commands = CommandSet(self, terms, every, again)
        own = self.commands.quantities()
        if taken := own.keys() & self.functions.keys():
            raise ConfigError(
                f"environment.commands: the task has a quantity {min(taken)}, which a command has, too; "
                "rename one"
            )
        self.functions = self.functions | own

    def checked_commands(self, values: Any, num_worlds: int) -> dict[int, np.ndarray] | None:
        """Values of commands by column, each (num_worlds,), see `CommandSet.checked`; None stays None."""
        return self.commands.checked(values, num_worlds)

    @property
    def command_layout(self) -> tuple[Column, ...]:
        """Name and unit of every column of the commands (C,)."""
        return self.commands.layout

    @property
    def mirror_command(self) -> Mirror:
        """Image of the commands in the sagittal plane."""
        return self.commands.mirror

    def compose_actions(self, columns: Columns, prefix: str, unit: str, warping: tuple[Column, ...]) -> None:
        """Lay out the columns of the actions; behind them the one that drives the clock, if there is one."""
        self.action_layout = columns.named(prefix, unit) + warping
        self.mirror_action = stacked([columns.mirror, *[permutation([0])] * len(warping)])

    def compose_observations(self, terms: Sequence[Term]) -> None:
        """Lay observation terms side by side; a column of each name may be there once.

        Raises:
            ConfigError: columns of a term or their mirror cannot be, or a name is there twice.
        """
        self.observation_terms = tuple(terms)
        found = [(term, term.columns(self)) for term in terms]
        layouts = [columns.named(term.column_prefix, term.mark.unit, term.name) for term, columns in found]
        self._widths = [len(layout) for layout in layouts]
        self._places = [slice(a, b) for a, b in pairwise([0, *accumulate(self._widths)])]
        self.obs_layout = tuple(column for layout in layouts for column in layout)
        for term, layout in zip(terms, layouts, strict=True):
            check_distinct(term.where, layout, self.obs_layout)
        self.mirror_obs = stacked([columns.mirror for _, columns in found])

    def quantities(self, batch: Batch[BodyT, StateT], ids: np.ndarray | None = None) -> Quantities:
        """Quantities of some worlds now; None for all."""
        return Quantities(self, self.functions, batch, ids)

    def compute_observations(self, quantities: Quantities, out: np.ndarray) -> np.ndarray:
        """Write observations into `out` (n, O), and return it."""
        return np.concatenate(self.observed(quantities, len(out)), axis=1, out=out)

    def observed(self, quantities: Quantities, num_worlds: int) -> list[Any]:
        """Values of the observation terms (num_worlds, width), of the library of their quantities."""
        return [
            term.checked(quantities, (num_worlds, width))
            for term, width in zip(self.observation_terms, self._widths, strict=True)
        ]

    def check_widths(self, batch: Batch[BodyT, StateT]) -> None:
        """Refuse observations of a user's own that return other columns than they declare.

        What can be computed in an episode alone is found there.

        Raises:
            InputError: names the observation.
        """
        quantities = self.quantities(batch)
        for term, width in zip(self.observation_terms, self._widths, strict=True):
            if term.shipped:
                continue
            try:
                values = term(quantities)
            except BatchEnvError:
                continue
            term.shaped(values, (quantities.num_worlds, width))

    def compute_rewards(self, quantities: Quantities, rows: np.ndarray, out: np.ndarray) -> None:
        """Write unweighted terms into `rows` (terms, N), and the reward into `out` (N,), of all worlds."""
        raise NotImplementedError

    def compute_terminations(self, quantities: Quantities) -> np.ndarray:
        """Whether each episode failed (n,) bool."""
        failed = np.zeros(quantities.num_worlds, bool)
        for term in self.termination_terms:
            failed |= np.asarray(term.checked(quantities, failed.shape), bool)
        return failed

    termination_terms: tuple[Term, ...] = ()
    event_terms: tuple[Term, ...] = ()

    def before_step(self, batch: Batch[BodyT, StateT]) -> None:
        """Let happen what happens before a step."""
        for number, event in enumerate(self.event_terms):
            if event.mark.when == "step":
                self._happen(event, number, batch, None, None)

    def reset(self, batch: Batch[BodyT, StateT], ids: np.ndarray) -> None:
        """Put worlds (n,) whose episode has begun into their first states."""
        start = Start.at_rest(batch.worlds.model, len(ids))
        for number, event in enumerate(self.event_terms):
            if event.mark.when == "reset":
                self._happen(event, number, batch, ids, start)
        self.place(batch, ids, start)

    def _happen(
        self,
        event: Term,
        number: int,
        batch: Batch[BodyT, StateT],
        ids: np.ndarray | None,
        start: Start | None,
    ) -> None:
        def draw(count: int, key: np.ndarray | None = None) -> np.ndarray:
            steps = batch.episodes.step if ids is None else batch.episodes.step[ids]
            if key is not None and (key.shape != steps.shape or key.dtype.kind not in "iu"):
                raise InputError(
                    f"draw was given a key of shape {key.shape} and dtype {key.dtype}; expected whole "
                    f"numbers, {steps.shape}"
                )
            return batch.episodes.uniform(ids, count, EVENTS + number, steps if key is None else key)

        worlds = sealed_copy(np.arange(batch.worlds.num_worlds) if ids is None else ids)
        result = event({"batch": batch, "task": self, "start": start, "draw": draw, "ids": worlds})
        if event.shipped:
            return
        if result is not None:
            raise InputError(f"{event.title} returned {shown(result)}; expected it to change arrays in place")
        if start is not None:
            start.check(event.title)
        else:
            _check_driven(event.title, batch.worlds)


# Names that terms of these kinds may be given instead of quantities.
_GIVEN: Mapping[Kind, Sequence[str]] = {"event": events.EVENT_NAMES, "command": commands.COMMAND_NAMES}
# What an event before a step may well write.
_DRIVEN = ("qpos", "qvel", "xfrc_applied", "qfrc_applied")


def _check_driven(title: str, worlds: Worlds[Any]) -> None:
    """Refuse numbers that an event has written and that are none.

    Raises:
        InputError: a state or a force of a world is not finite.
    """
    for name in _DRIVEN:
        array = worlds.bind(name)
        if not np.isfinite(array).all():
            world = int(np.argwhere(~np.isfinite(array))[0][0])
            raise InputError(f"{title} made {name} of world {world} infinite or not a number")
