"""Judge a walker in one call: let it walk, disturb it, and compare it with humans."""

import logging
from collections.abc import Callable
from functools import partial
from math import ceil
from pathlib import Path
from typing import TypeGuard

from batchenv.errors import InputError
from batchenv.evaluate.by_speed import compare_at_speed
from batchenv.evaluate.commanded import (
    SETTLED,
    USUAL_SPEED,
    follow_commands,
    held_command,
    is_commanded,
    trials,
)
from batchenv.evaluate.disturbances import CALM_STARTS, DISTURBANCES, robustness, withstand
from batchenv.evaluate.followed import followed
from batchenv.evaluate.joint_loads import measure_joint_loads
from batchenv.evaluate.judge import Report, judge
from batchenv.evaluate.numbers import MOST_STRIDES, MOST_WALKS, check_count, check_seconds, check_threads
from batchenv.evaluate.record import record
from batchenv.evaluate.recording import Recording
from batchenv.evaluate.recording_file import RECORDING_SUFFIXES, load_recording
from batchenv.evaluate.report import write_report
from batchenv.evaluate.walker import Walker, as_walker
from batchenv.extras import import_extra
from batchenv.files import check_output_directory
from batchenv.rng import checked_seed

_log = logging.getLogger(__name__)
_RECORDED = 20  # walks at each speed, or as many as the strides asked for need


def evaluate(
    walker: Walker | Recording | str | Path,
    out: str | Path | None = None,
    *,
    walks: int = 20,
    seconds: float = 20.0,
    strides: int = 50,
    seed: int = 0,
    num_threads: int | None = None,
    quick: bool = False,
    forces: str | Path | None = None,
    mass: float | None = None,
    say: Callable[[str], None] | None = None,
) -> Report:
    """Compare a walker's gait with that of humans.

    Args:
        walker: from `load_walker`, or what it is loaded by; or a recording, or the file of one.
        out: directory for report.html and report.json; by default nothing is written.
        walks: least number of walks, each from another starting state; as many follow each command, and meet
            each disturbance.
        seconds: length of a walk [s].
        strides: least number of strides; more walks are simulated until it is reached.
        seed: of the starting states.
        num_threads: as for `BatchEnv`.
        quick: skip all disturbances.
        forces: file of ground forces of a motion of OpenSim, see `load_recording`.
        mass: of the body of such a motion [kg], where its header does not say it.
        say: takes a line before each part of the work; by default it is logged.

    Returns:
        The report; its `verdicts` say which targets are met, its `numbers` hold what report.json does.

    Raises:
        InputError: a number is impossible, or the recording is none; nothing is simulated.
        CheckpointError: there is no such walker.
        OutputError: the report cannot be written.
        UsageError: a report is to be written, and matplotlib is not installed.
    """
    check_count("walks", walks, MOST_WALKS)
    check_seconds("seconds", seconds)
    check_count("strides", strides, MOST_STRIDES)
    check_threads("num_threads", num_threads)
    checked_seed(seed)
    if out is not None:
        import_extra("matplotlib", "a report")
        check_output_directory(out, "out")
    if isinstance(walker, Recording) or is_recording_file(walker):
        report = _of_recording(walker, forces, mass)
    elif forces is not None or mass is not None:
        raise InputError("forces and mass are for a motion of OpenSim, .mot or .sto, and a walker is neither")
    else:
        loaded = as_walker(walker)
        if is_commanded(loaded) and not seconds > SETTLED:
            raise InputError(
                f"seconds is {seconds:g}; expected more than {SETTLED:g}: whether {loaded.name} does as it is"
                " told is measured from then on"
            )
        needed = ceil(strides * loaded.period() / seconds)
        walks = max(walks, needed)
        check_count("the number of walks for strides and seconds", walks, MOST_WALKS)
        report = _of_walker(
            loaded, walks, max(needed, _RECORDED), seconds, seed, num_threads, quick, say or _log.info
        )
    if out is not None:
        write_report(report, out)
    return report


def is_recording_file(walker: object) -> TypeGuard[str | Path]:
    """Whether a walker is named by the file of a recording."""
    return isinstance(walker, str | Path) and Path(walker).suffix.lower() in RECORDING_SUFFIXES


def _of_recording(recording: Recording | str | Path, forces: str | Path | None, mass: float | None) -> Report:
    if isinstance(recording, Recording):
        return judge(recording)
    return judge(load_recording(recording, forces=forces, mass=mass), Path(recording).stem)


def _of_walker(
    walker: Walker,
    walks: int,
    recorded: int,
    seconds: float,
    seed: int,
    num_threads: int | None,
    quick: bool,
    say: Callable[[str], None],
) -> Report:
    say(f"{walker.name}: {walks} walks of {seconds:g} s")
    asked, steady, commands, by_speed = followed(walker.config), walker, None, None
    if is_commanded(walker):
        found = follow_commands(
            walker,
            walks,
            seed,
            num_threads,
            trials(seconds),
            lambda each: say(each.line),
            recorded=recorded,
        )
        commands = [each.numbers for each in found]
        straight = [(each.trial.straight, each.recording) for each in found if each.recording is not None]
        compared = [compare_at_speed(walk, speed, asked) for speed, walk in straight]
        by_speed = [each for each in compared if each is not None]
        recording = next(walk for speed, walk in straight if speed == USUAL_SPEED)
        steady = walker.with_changes(held_command(walker, USUAL_SPEED))
    else:
        recording = record(walker, walks, seconds, seed, num_threads)
    judged = partial(
        judge,
        recording,
        walker.name,
        commands=commands,
        followed=asked,
        joint_loads=measure_joint_loads(steady, seed, num_threads),
        by_speed=by_speed,
        asked_speed=None if commands is None else USUAL_SPEED,
    )
    if quick:
        return judged()
    say("disturbances: pushes, slopes, bumps, late actions, slippery ground, other masses, weaker muscles")
    calm, *others = DISTURBANCES
    found = withstand(steady, max(walks, CALM_STARTS), seed, num_threads, [calm])
    found += withstand(steady, walks, seed, num_threads, others)
    withstood = [each.numbers for each in found]
    say("how much of each is withstood")
    most = robustness(steady, seed=seed, num_threads=num_threads)
    return judged(push_n=most.push_n, robustness=most.survived, withstood=withstood)
