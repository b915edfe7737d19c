"""What walkers are told, and what they were trained to be told."""

from batchenv.config import Config

Ranges = dict[str, tuple[float, float]]
_ROUNDING = 1e-6
_UNITS = {"speed": " m/s", "yaw_rate": " rad/s"}


def command_ranges(config: Config) -> dict[str, Ranges]:
    """Least and greatest value that a configuration draws, by command and column, where it gives a pair."""
    commands = config.model_dump()["environment"].get("commands", {})
    return {
        name: {
            column: (float(given[0]), float(given[1]))
            for column, given in keywords.items()
            if column != "every" and isinstance(given, list | tuple) and len(given) == 2
        }
        for name, keywords in commands.items()
    }


def takes_commands(config: Config) -> bool:
    """Whether worlds of a configuration are told anything."""
    return bool(getattr(config.environment, "commands", None))


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
