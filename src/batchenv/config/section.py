"""Base model of all sections, and field types that need more than bounds."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    model_validator,
)

from batchenv.config.paths import FileFinder
from batchenv.errors import ConfigError

# These labels stand in the locations of pydantic's errors; no key can equal them.
NUMBER = "<number>"
_MOST_LISTED = 100
BY_JOINT = "<by joint>"


class Section(BaseModel):
    """A frozen group of keys; unknown keys, wrong types (a boolean is no number), NaN and infinity fail."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )

    # Keys beside those of a foreign format, suggested only where they are all but written.
    own_keys: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, data: Any) -> Any:
        """Read 1e6, a float to YAML and Python, as a whole number in fields that take nothing else."""
        if not isinstance(data, Mapping):
            return data
        return {key: _whole(value) if key in _whole_fields(cls) else value for key, value in data.items()}


@functools.cache
def _whole_fields(section: type[Section]) -> frozenset[str]:
    """Fields that are whole numbers, or may be missing."""
    kinds = {name: field.annotation for name, field in section.model_fields.items()}
    return frozenset(name for name, kind in kinds.items() if int in (kind, *get_args(kind)))


def _whole(value: Any) -> Any:
    return int(value) if type(value) is float and value.is_integer() and abs(value) < 2**63 else value


def finder_of(info: ValidationInfo) -> FileFinder:
    """Return the file finder of the configuration under validation."""
    return info.context if isinstance(info.context, FileFinder) else FileFinder()


def _cyclic(cyclic: bool) -> bool:
    if not cyclic:
        raise ConfigError("a walker repeats its motion until the episode ends: give true")
    return cyclic


def _checked_file(name: str, info: ValidationInfo) -> str:
    return finder_of(info).portable_name(name)


def _checked_body(name: str, info: ValidationInfo) -> str:
    prefix, colon, model = name.partition(":")
    if prefix == "myo_sim" and colon:
        if model.isidentifier():
            return name
        raise ConfigError('give "myo_sim:NAME", such as "myo_sim:myolegs"')
    try:
        return finder_of(info).portable_name(name)
    except ConfigError as error:
        raise ConfigError(f'give "myo_sim:NAME" or the path of an MJCF file; {error}') from None


def _checked_term(key: str, info: ValidationInfo) -> str:
    return _checked_code(key, 'give the name of a shipped term, or "FILE.py:FUNCTION"', info)


def _checked_task(key: str, info: ValidationInfo) -> str:
    return _checked_code(key, 'give the name of a task, or "FILE.py:CLASS"', info)


def checked_coordinator(name: str, info: ValidationInfo) -> str:
    """A coordinator's name, its file made absolute."""
    advice = "give 'static_optimization', 'network' or \"FILE.py:FUNCTION\""
    if ":" not in name and name not in ("static_optimization", "network"):
        raise ConfigError(advice)
    return _checked_code(name, advice, info)


def _checked_code(key: str, advice: str, info: ValidationInfo) -> str:
    file, _, function = key.rpartition(":")
    if not function.isidentifier() or (file and not file.endswith(".py")):
        raise ConfigError(advice)
    if not file:
        return key
    finder = finder_of(info)
    if not finder.trust:
        raise ConfigError(
            f"the code in {file} would run, and a configuration may come from anybody: read the file, then "
            "add --trust (in Python: trust=True)"
        )
    return f"{finder.portable_name(file)}:{function}"


def _two_names(value: Any) -> Any:
    texts = isinstance(value, list | tuple) and all(isinstance(name, str) and name for name in value)
    if not texts or len(value) != 2 or value[0] == value[1]:
        raise ConfigError("give two different names, right and left, such as [foot_right, foot_left]")
    return tuple(value)


def _one_name(value: str) -> str:
    if not value:
        raise ConfigError("give a name")
    return value


def _term_argument(value: Any) -> Any:
    if isinstance(value, list | tuple):
        if len(value) <= _MOST_LISTED and value and all(isinstance(name, str) for name in value):
            return tuple(value)
        if not all(type(number) in (int, float) for number in value) or len(value) > _MOST_LISTED:
            raise ConfigError(f"give a list of at most {_MOST_LISTED} numbers, or of names")
        return tuple(float(_term_argument(number)) for number in value)
    if not isinstance(value, bool | int | float | str):
        raise ConfigError("give a number, true, false, text or a list of numbers or names")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError("give a finite number")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ConfigError("give a whole number that 64 bits can hold")
    return value


def listed(value: Any) -> Any:
    """A list of names as a mapping, for terms without keywords."""
    if not isinstance(value, list | tuple):
        return value
    if any(not isinstance(name, str) for name in value):
        raise ConfigError("give names of terms, or a mapping of names to keywords")
    repeated = [name for name in value if value.count(name) > 1]
    if repeated:
        raise ConfigError(f"{repeated[0][:80]} is listed twice")
    return {name: {} for name in value}


def not_below_min(maximum: float, info: ValidationInfo) -> float:
    """A validator of a field `max` behind a field `min`."""
    if maximum < info.data.get("min", -math.inf):
        raise ConfigError(f"give at least min = {info.data['min']}")
    return maximum


def within(least: float, most: float, *, positive: bool = False) -> Callable[[Any], tuple[float, float]]:
    """A validator of ranges [low, high] between two bounds; `positive`: above 0.

    >>> within(0.0, 2.0)([0.5, 1])
    (0.5, 1.0)
    """

    def check(value: Any) -> tuple[float, float]:
        numbers = list(value) if isinstance(value, list | tuple) else []
        if len(numbers) == 2 and all(type(number) in (int, float) for number in numbers):
            low, high = map(float, numbers)
            if least <= low <= high <= most and (low > 0.0 or not positive):
                return low, high
        bounds = f"above 0 and up to {most:g}" if positive else f"from {least:g} to {most:g}"
        raise ConfigError(f"give two numbers {bounds}, the smaller one first")

    return check


def numbers(*limits: tuple[float, float]) -> Callable[[Any], tuple[float, ...]]:
    """A validator of a list of numbers, each between its own two bounds.

    >>> numbers((0.0, 1.0), (1.0, 10.0))([0.5, 2])
    (0.5, 2.0)
    """

    def check(value: Any) -> tuple[float, ...]:
        given = list(value) if isinstance(value, list | tuple) else []
        real = len(given) == len(limits) and all(type(number) in (int, float) for number in given)
        if real and all(least <= number <= most for number, (least, most) in zip(given, limits, strict=True)):
            return tuple(map(float, given))
        bounds = ", ".join(f"{least:g} to {most:g}" for least, most in limits)
        raise ConfigError(f"give {len(limits)} numbers in a list, which are in turn from {bounds}")

    return check


def _gain_form(value: Any) -> str:
    return BY_JOINT if isinstance(value, Mapping) else NUMBER


# A million Nm at one radian is a thousand times what the strongest human joint withstands.
Gain = Annotated[float, Field(ge=0, le=1e6)]
JointGains = Annotated[
    Annotated[Gain, Tag(NUMBER)] | Annotated[dict[str, Gain], Field(min_length=1), Tag(BY_JOINT)],
    Discriminator(_gain_form),
]
# Eight layers of 4096 units are half a gigabyte of weights.
LayerSizes = Annotated[
    tuple[Annotated[int, Field(gt=0, le=4096)], ...], Field(min_length=1, max_length=8, strict=False)
]
BodyName = Annotated[str, AfterValidator(_one_name)]
Pair = Annotated[tuple[str, str], BeforeValidator(_two_names)]
# Clips that end are not followed yet; files of other programs may hold the key.
Cyclic = Annotated[bool, AfterValidator(_cyclic)]
DataFile = Annotated[str, AfterValidator(_checked_file)]
BodyFile = Annotated[str, AfterValidator(_checked_body)]
TermName = Annotated[str, AfterValidator(_checked_term)]
TaskName = Annotated[str, AfterValidator(_checked_task)]
_Float = Annotated[float, Field(ge=-1.7976931348623157e308, le=1.7976931348623157e308)]
TermArgument = Annotated[
    bool | Annotated[int, Field(ge=-(2**63), lt=2**63)] | _Float | str | tuple[_Float, ...] | tuple[str, ...],
    BeforeValidator(_term_argument),
]
TermKeywords = dict[str, TermArgument]
# Least and greatest time between two drawings of a command [s].
Every = Annotated[tuple[float, float], BeforeValidator(within(0.0, 1e6, positive=True))]
# Terms in their order, each with the keywords of its function.
Terms = Annotated[dict[TermName, TermKeywords], BeforeValidator(listed)]
