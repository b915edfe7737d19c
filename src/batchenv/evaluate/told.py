"""What walkers are told, and what they were trained to be told."""

from typing import Any

from batchenv.config import Config

COMMAND = "walking_velocity"
Ranges = dict[str, tuple[float, float]]
SPEED_SHARE = 0.1  # of the speed asked, by which one that counts as kept may differ
# Likewise of a rate of turning [deg/s], and the speed of one that stands [m/s].
TURN_ERROR, STILL = 5.0, 0.1
_ROUNDING = 1e-6
_UNITS = {"speed": " m/s", "yaw_rate": " rad/s"}


def _commands(config: Config) -> dict[str, dict[str, Any]]:
    """Keywords of each command; those of `walking_velocity` with a rate of turning, which is 0 by default."""
    commands = config.model_dump()["environment"].get("commands", {})
    if COMMAND in commands:
        commands[COMMAND]["yaw_rate"] = commands[COMMAND].get("yaw_rate") or (0.0, 0.0)
    return commands


def command_ranges(config: Config) -> dict[str, Ranges]:
    """Least and greatest value that a configuration draws, by command and column, where it gives a pair.

    Where some stand, 0 lies between them.
    """
    found: dict[str, Ranges] = {}
    for name, keywords in _commands(config).items():
        stands = (0.0,) if keywords.get("standing") else ()
        pairs = {column: given for column, given in keywords.items() if column != "every" and _is_pair(given)}
        found[name] = {
            column: (float(min(*given, *stands)), float(max(*given, *stands)))
            for column, given in pairs.items()
        }
    return found


def _is_pair(given: Any) -> bool:
    """Whether a keyword is two numbers."""
    return (
        isinstance(given, list | tuple)
        and len(given) == 2
        and all(isinstance(number, int | float) and not isinstance(number, bool) for number in given)
    )


def takes_commands(config: Config) -> bool:
    """Whether worlds of a configuration are told anything."""
    return bool(getattr(config.environment, "commands", None))


def told_columns(config: Config) -> tuple[str, ...]:
    """What worlds of a configuration can be told throughout, such as speed and yaw_rate, see `held`."""
    return tuple(column for ranges in command_ranges(config).values() for column in ranges)


def held(config: Config, told: dict[str, float]) -> dict[str, Any]:
    """Changes of a configuration that tell worlds the same all the time.

    Args:
        config: that draws commands.
        told: values by column, of `told_columns`; other columns are drawn as before, but none stands.
    """
    commands = _commands(config)
    for keywords in commands.values():
        own = {column: [value, value] for column, value in told.items() if column in keywords}
        keywords.update(own)
        if own and "standing" in keywords:
            keywords["standing"] = 0.0
    return {"environment.commands": commands}


def command_range(config: Config, column: str) -> tuple[float, float] | None:
    """Least and greatest value that a configuration draws for a column; None where it gives no pair."""
    return next((ranges[column] for ranges in command_ranges(config).values() if column in ranges), None)


def beyond(column: str, trained: tuple[float, float] | None, *told: float) -> str:
    """What to say of values that a walker was not trained for; "" where there is none."""
    if trained is None:
        return ""
    least, most = trained
    wrong = [value for value in told if not least - _ROUNDING <= value <= most + _ROUNDING]
    if not wrong:
        return ""
    unit = _UNITS.get(column, "")
    return f"was trained for {column} {least:g}{unit} to {most:g}{unit}, and is told {wrong[0]:g}{unit}"
