"""Tasks by name: the shipped ones, and a user's own."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from batchenv.arrays import shown
from batchenv.config.load import find_tasks_with
from batchenv.errors import ConfigError, InputError, nearest
from batchenv.mdp.task import Task
from batchenv.mdp.terms import load_code

T = TypeVar("T", bound=type[Task[Any, Any]])

# Modules of the shipped tasks, imported when one is asked for.
_SHIPPED = {
    "walk": "batchenv.tasks.walk",
    "command": "batchenv.tasks.command",
    "track": "batchenv.tasks.track",
    "gaitnet": "batchenv.tasks.gaitnet.task",
}
_TASKS: dict[str, type[Task[Any, Any]]] = {}
_PATH = "environment.task"


def task(name: str) -> Callable[[T], T]:
    """Register a task, so that `environment.task: NAME` means it in this process.

    Raises:
        ConfigError: it is not a class that is a Task, or has the name of a shipped one.

    Examples:
        >>> @task("stand_still")
        ... class StandStill(Task): ...
    """

    given: Any = name  # a user may pass anything, such as the class itself where the parentheses are missing
    if not isinstance(given, str) or not name.isidentifier():
        raise ConfigError(
            f'@task({shown(name)}): give a name of letters, digits and underscores, such as @task("stand")'
        )

    def register(kind: T) -> T:
        found: Any = kind
        if not (isinstance(found, type) and issubclass(found, Task)):
            raise ConfigError(f"@task({name!r}) decorates {shown(kind)}; expected a class that is a Task")
        if _SHIPPED.get(name, kind.__module__) != kind.__module__:
            raise ConfigError(f"@task({name!r}): batchenv has a task of this name; give another one")
        _TASKS[name] = kind
        return kind

    return register


def name_of(kind: Any) -> str:
    """The name that a class was registered under.

    Raises:
        InputError: it is not a task, or was not registered.
    """
    for name, known in _TASKS.items():
        if known is kind:
            return name
    raise InputError(
        f"task is {shown(kind)}; expected the name of a task, or a class that @batchenv.task has registered"
    )


def task_named(name: str) -> type[Task[Any, Any]]:
    """The task that a configuration names: a registered one, or "FILE.py:CLASS", whose code is run.

    Raises:
        ConfigError: there is no such task.
    """
    file, _, kind = name.rpartition(":")
    if file:
        known = vars(load_code(Path(file), f"{_PATH} = {name}"))
        tasks: dict[str, type[Task[Any, Any]]] = {
            name: value
            for name, value in known.items()
            if isinstance(value, type) and issubclass(value, Task)
        }
        if kind not in tasks:
            raise ConfigError(f"{_PATH} = {name}: {file} has no class {kind} that is a Task")
        return tasks[kind]
    if name in _SHIPPED:
        import_module(_SHIPPED[name])
    if name not in _TASKS:
        known = sorted({*_SHIPPED, *_TASKS})
        raise ConfigError(
            f"{_PATH} = {name}: there is no such task.{nearest(name, known)} There are: {', '.join(known)}; "
            "one of your own is named as FILE.py:CLASS, or registered with @batchenv.task before"
        )
    return _TASKS[name]


find_tasks_with(task_named)
