"""Courses: what walkers are told, and how they are pushed, at which times of a film, from YAML."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from batchenv.body.yaml_file import read_yaml_file
from batchenv.config.problems import describe_problems
from batchenv.config.section import Section
from batchenv.errors import InputError
from batchenv.evaluate.remote import DIRECTIONS, PUSH_NEWTONS, PUSH_SECONDS
from batchenv.evaluate.stage import MOST_PUSH, Stage
from batchenv.evaluate.told import beyond

_log = logging.getLogger(__name__)

_EXAMPLE = "{at: 3, tell: {speed: 1.2}} and {at: 5, push: left, newtons: 60}"
Direction = Literal["forward", "backward", "left", "right"]


class Moment(Section):
    """What happens at one time of a course.

    Attributes:
        at: when [s].
        tell: commands by name, such as speed [m/s] and yaw_rate [rad/s]; others stay as they were.
        push: into which direction the trunks are pushed; None: not at all.
        newtons, seconds: of the push [N], [s].
    """

    at: float = Field(ge=0.0, le=1e5)
    tell: dict[str, float] = Field(default_factory=dict)
    push: Direction | None = None
    newtons: Annotated[float, Field(gt=0.0, le=MOST_PUSH)] = PUSH_NEWTONS
    seconds: Annotated[float, Field(gt=0.0, le=60.0)] = PUSH_SECONDS

    @model_validator(mode="after")
    def _something_happens(self) -> "Moment":
        if not self.tell and self.push is None:
            raise ValueError("expected tell or push, or both")
        if self.push is None and (extra := {"newtons", "seconds"} & self.model_fields_set):
            raise ValueError(f"{' and '.join(sorted(extra))} without push; expected a direction, push: left")
        return self


class _File(Section):
    course: list[Moment] = Field(min_length=1)


def load_course(file: str | Path) -> tuple[Moment, ...]:
    """Read a course, in the order of time.

    Args:
        file: YAML with `course`, a list of moments such as {at: 3, tell: {speed: 1.2}}.

    Raises:
        InputError: the file cannot be read; the message says which entry is wrong.
    """
    content = read_yaml_file(file)
    if not isinstance(content, dict):
        raise InputError(f"{file}: begin with `course:`, and list moments below it, such as {_EXAMPLE}")
    try:
        moments = _File.model_validate(content).course
    except ValidationError as error:
        problems = "\n  ".join(describe_problems(error, _File))
        raise InputError(
            f"{file}: a course is a list of moments, such as {_EXAMPLE}:\n  {problems}"
        ) from None
    _check_times(file, moments)
    return tuple(sorted(moments, key=lambda moment: moment.at))


def _check_times(file: str | Path, moments: Sequence[Moment]) -> None:
    """Refuse moments of one time that tell different things.

    Raises:
        InputError: there are such.
    """
    told: dict[tuple[float, str], float] = {}
    for moment in moments:
        for name, value in moment.tell.items():
            if told.setdefault((moment.at, name), value) != value:
                raise InputError(
                    f"{file}: at {moment.at:g} s, walkers are told a {name} of {told[moment.at, name]:g} and "
                    f"of {value:g}; keep one"
                )


def follow_course(stage: Stage, moments: Sequence[Moment]) -> None:
    """Let moments, in the order of time, happen to the walkers of a stage as their time comes.

    Where the stage starts again, so does the course.

    Raises:
        InputError: a moment tells what the walkers do not know; nothing happens.
        UsageError: the walkers know no commands.
    """
    for moment in moments:
        if moment.tell:
            _check_told(stage, moment)
    left = list(moments)

    def begin() -> None:
        left[:] = moments
        stage.asked = {}

    def go_on() -> None:
        while left and left[0].at <= stage.seconds + 1e-9:
            moment = left.pop(0)
            if moment.tell:
                stage.ask(moment.tell)
            if moment.push is not None:
                stage.push(moment.newtons, DIRECTIONS[moment.push], moment.seconds)

    stage.before_restart, stage.before_step = begin, go_on


def _check_told(stage: Stage, moment: Moment) -> None:
    """Refuse what the walkers do not know, and warn of what they were not trained for."""
    try:
        stage.check_asked(moment.tell)
    except InputError as error:
        raise InputError(f"the course, at {moment.at:g} s: {error}") from error
    for name, value in moment.tell.items():
        if said := beyond(name, stage.command_range(name), value):
            _log.warning("the course, at %g s: the walker %s", moment.at, said)
