"""Tasks: lists of terms with their quantities."""

from batchenv.tasks.human import HumanState, HumanTask
from batchenv.tasks.registry import task, task_named
from batchenv.tasks.walk import WalkTask

__all__ = ["HumanState", "HumanTask", "WalkTask", "task", "task_named"]
