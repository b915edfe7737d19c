"""Judge a walk against humans: recordings, gait cycles, measures, and a report.

The package itself can be called: `batchenv.evaluate("walk")` is `batchenv.evaluate.evaluation.evaluate`.

>>> from batchenv.evaluate import judge, load_recording, write_report
>>> report = judge(load_recording("rollout.npz"))  # doctest: +SKIP
>>> write_report(report, "out")  # doctest: +SKIP
"""

import inspect
import sys
from types import ModuleType
from typing import Any

from batchenv.evaluate.evaluation import evaluate
from batchenv.evaluate.formats import save_recording
from batchenv.evaluate.gait_cycles import ContactRule, GaitCycles, find_cycles
from batchenv.evaluate.judge import Report, judge
from batchenv.evaluate.recording import Recording, from_arrays, load_npz, save_npz
from batchenv.evaluate.recording_file import RECORDING_SUFFIXES, load_recording
from batchenv.evaluate.recording_layout import LAYOUT, describe_layout
from batchenv.evaluate.report import write_report
from batchenv.evaluate.rollout_file import RecordingWriter
from batchenv.evaluate.targets import TARGETS, Target, Verdict

__all__ = [
    "LAYOUT",
    "RECORDING_SUFFIXES",
    "TARGETS",
    "ContactRule",
    "GaitCycles",
    "Recording",
    "RecordingWriter",
    "Report",
    "Target",
    "Verdict",
    "describe_layout",
    "evaluate",
    "find_cycles",
    "from_arrays",
    "judge",
    "load_npz",
    "load_recording",
    "save_npz",
    "save_recording",
    "write_report",
]


class _Callable(ModuleType):
    """A package that is called as the function of its name: both stand under `batchenv.evaluate`."""

    __signature__ = inspect.signature(evaluate)

    def __call__(self, *args: Any, **kwargs: Any) -> Report:
        return evaluate(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
