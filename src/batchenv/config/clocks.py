"""The clocks of a simulation, whatever moves."""

from pydantic import Field, ValidationInfo, field_validator

from batchenv.config.section import Section
from batchenv.errors import ConfigError


class Clocks(Section):
    """Rates of control and of physics."""

    control_hz: int = Field(
        default=30, gt=0, le=50_000, description="Steps of the environment per second [Hz]."
    )
    sim_hz: int = Field(
        default=300,
        gt=0,
        le=100_000,
        description="Physics substeps per second [Hz]; a multiple of control_hz, at least twice it.",
    )
    inference_per_sim: int = Field(
        default=1,
        gt=0,
        le=100_000,
        description="The coordinator is evaluated every so many substeps [substeps].",
    )

    @field_validator("sim_hz")
    @classmethod
    def _divides_into_substeps(cls, sim_hz: int, info: ValidationInfo) -> int:
        control_hz = info.data.get("control_hz")
        if control_hz and (sim_hz % control_hz or sim_hz < 2 * control_hz):
            near = max(2, round(sim_hz / control_hz)) * control_hz
            raise ConfigError(
                f"give a multiple of control_hz = {control_hz}, at least twice it, such as {near}"
            )
        return sim_hz
