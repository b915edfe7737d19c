"""Scalars of a training run at Weights & Biases, beside those for TensorBoard."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from batchenv.config import Config
from batchenv.errors import UsageError
from batchenv.extras import import_extra
from batchenv.learn.report import Report

PROJECT = "batchenv"


class WandbLog:
    """A run at Weights & Biases; call it with each `Report`.

    The environment variables of wandb apply: WANDB_MODE=offline keeps the run in the directory, for
    `wandb sync`; WANDB_PROJECT names another project.

    Args:
        directory: of the run, whose name it has there.
        config: shown with it.

    Raises:
        UsageError: wandb is not installed, or nobody is logged in.
    """

    def __init__(self, directory: Path, config: Config):
        wandb = import_extra("wandb", "--logger wandb")
        try:
            self._run = wandb.init(
                project=None if "WANDB_PROJECT" in os.environ else PROJECT,
                name=directory.resolve().name,
                dir=str(directory),
                config=config.model_dump(),
            )
        except wandb.errors.Error as error:
            raise UsageError(
                f"wandb begins no run: {error}; `wandb login` or WANDB_MODE=offline may help"
            ) from error

    def __call__(self, report: Report) -> None:
        """Log a report at its step."""
        self._run.log(report.scalars(), step=report.steps)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run.finish(exit_code=0 if error is None else 1)
