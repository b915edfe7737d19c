"""What more cores would give, predicted by Amdahl's law from the share of a step that one core carries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from batchenv.bench.gaitnet import GaitNetRow
from batchenv.bench.limit import LimitRow

PREDICTED_CORES = (16, 64)
PREDICTION_HEAD = (
    "Prediction by Amdahl's law from the serial share, not a measurement. It knows nothing of memory\n"
    "bandwidth, of clocks that fall when all cores work, and of worlds that do not divide evenly.\n\n"
    "| config | worlds | serial | "
    + " | ".join(f"speed-up on {cores} cores, predicted" for cores in PREDICTED_CORES)
    + " |\n"
    + "|---" * (3 + len(PREDICTED_CORES))
    + "|"
)


@dataclass(frozen=True)
class Prediction:
    """One line of the table.

    Attributes:
        config: name of the configuration.
        envs: number of worlds.
        serial_share: of the CPU time of a step, what one core carries; as measured with the fewest threads.
        predicted_speedup: over one core, by number of cores.
    """

    config: str
    envs: int
    serial_share: float
    predicted_speedup: Mapping[int, float]

    def table_line(self) -> str:
        """Return the row as Markdown, below `PREDICTION_HEAD`."""
        speedups = " | ".join(
            f"{speedup:.1f} ({speedup / cores:.0%})" for cores, speedup in self.predicted_speedup.items()
        )
        return f"| {self.config} | {self.envs} | {self.serial_share:.1%} | {speedups} |"


def speedup(serial_share: float, cores: int) -> float:
    """Speed-up over one core of work of which a share is done by one alone; Amdahl (1967)."""
    return 1.0 / (serial_share + (1.0 - serial_share) / cores)


def predictions(rows: Iterable[LimitRow | GaitNetRow]) -> list[Prediction]:
    """Predict every configuration and number of worlds from its row with the fewest threads."""
    fewest: dict[tuple[str, int], LimitRow | GaitNetRow] = {}
    for row in sorted(rows, key=lambda row: row.threads):
        fewest.setdefault((row.config, row.envs), row)
    return [
        Prediction(
            config,
            envs,
            row.serial_share,
            {cores: round(speedup(row.serial_share, cores), 2) for cores in PREDICTED_CORES},
        )
        for (config, envs), row in fewest.items()
    ]
