"""What a task works on: worlds, their episodes, and its own state of them."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from batchenv.engine import Worlds
from batchenv.engine.worlds import Moving
from batchenv.mdp.episodes import Episodes
from batchenv.mdp.state import CommandState, TaskState

BodyT = TypeVar("BodyT", bound=Moving)
StateT = TypeVar("StateT", bound=TaskState)


@dataclass(frozen=True)
class Batch(Generic[BodyT, StateT]):
    """N worlds, live.

    Attributes:
        worlds: the engine that moves them.
        episodes: what `BatchEnv` keeps of every world.
        state: what the task keeps of every world.
        commands: what every world is asked.
    """

    worlds: Worlds[BodyT]
    episodes: Episodes
    state: StateT
    commands: CommandState
