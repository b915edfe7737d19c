"""The section `environment.noise_injection` of GaitNet's configurations, and the files that it names."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from batchenv.config.gaitnet.files import GaitNetFile
from batchenv.config.problems import describe_problems
from batchenv.config.section import Section
from batchenv.config.yaml_text import parse_yaml
from batchenv.errors import ConfigError

_MOST_BYTES = 100_000
Bodies = Annotated[tuple[str, ...], Field(strict=False, max_length=100)]


class NoiseInjection(Section):
    """Disturbances of poses, bodies and muscles."""

    file: GaitNetFile = Field(description="GaitNet's YAML of disturbances.")


class PositionNoise(Section):
    """Angles that joints are moved by in every substep."""

    enabled: bool = False
    amplitude: float = Field(default=0.005, ge=0, le=1, description="[rad] a substep")
    frequency: float = Field(default=0.25, ge=0, le=1e3, description="[Hz]")
    target_nodes: Bodies = ()


class ForceNoise(Section):
    """Forces on bodies."""

    enabled: bool = False
    amplitude: float = Field(default=40.0, ge=0, le=1e5, description="[N]")
    frequency: float = Field(default=0.25, ge=0, le=1e3, description="[Hz]")
    target_nodes: Bodies = ()


class ActivationNoise(Section):
    """Additions to the activations of all muscles."""

    enabled: bool = False
    amplitude: float = Field(default=0.05, ge=0, le=1, description="[1]")
    frequency: float = Field(default=0.25, ge=0, le=1e3, description="[Hz]")


class NoiseFile(Section):
    """Content of a file of disturbances; none act unless `enabled` is true."""

    enabled: bool = False
    position: PositionNoise = Field(default_factory=PositionNoise)
    force: ForceNoise = Field(default_factory=ForceNoise)
    activation: ActivationNoise = Field(default_factory=ActivationNoise)


class _Document(Section):
    noise_injection: NoiseFile


def read_noise(file: Path) -> NoiseFile:
    """Read a file of disturbances.

    Raises:
        ConfigError: it cannot be read, or a value is invalid; lists every problem with its key.
    """
    try:
        with file.open("rb") as stream:
            text = stream.read(_MOST_BYTES + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    data = parse_yaml(text, str(file))
    try:
        return _Document.model_validate(data).noise_injection
    except ValidationError as error:
        problems = "\n  ".join(describe_problems(error, _Document))
        raise ConfigError(f"{file} has problems:\n  {problems}") from None
