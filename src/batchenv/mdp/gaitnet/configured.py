"""The body, the worlds and the task that one of GaitNet's configurations asks for."""

from pathlib import Path

import numpy as np

from batchenv.body.gaitnet import GaitNetBody, load_gaitnet_body, load_motion
from batchenv.body.gaitnet.document import read_document
from batchenv.body.gaitnet.motion import HDF5_SUFFIXES, first_phase
from batchenv.config import GaitNetConfig
from batchenv.engine.configured import network_law
from batchenv.engine.gaitnet import GaitNetLaw, GaitNetWorlds
from batchenv.errors import BodyError, ConfigError
from batchenv.mdp.gaitnet.knees import KNEES
from batchenv.mdp.gaitnet.task import GaitNetTask

_LEVEL = 1e-6


def load_gaitnet_configured_body(config: GaitNetConfig, *, visual: bool = False) -> GaitNetBody:
    """Load the body that a configuration names; `visual` keeps what only the eye needs.

    Raises:
        BodyError: says the file, the line, and what is wrong.
    """
    environment = config.environment
    ground = environment.ground.file
    return load_gaitnet_body(
        config.resolve_path(environment.skeleton.file),
        config.resolve_path(environment.muscle.file),
        visual=visual,
        ground_height=0.0 if ground is None else ground_height(config.resolve_path(ground)),
    )


def gaitnet_task(config: GaitNetConfig, body: GaitNetBody) -> GaitNetTask:
    """The task that a configuration asks for, with its motion.

    Raises:
        ConfigError: the motion is of another type than is said, or cannot be read.
    """
    motion = config.environment.motion
    file = config.resolve_path(motion.file)
    is_hdf5 = file.suffix.lower() in HDF5_SUFFIXES
    if is_hdf5 != (motion.type == "h5"):
        right = "h5" if is_hdf5 else "bvh"
        raise ConfigError(f"environment.motion.type = {motion.type!r}: {file.name} is {right}; give that.")
    phase = 0.0
    if is_hdf5 and not config.environment.advanced.quirks:
        phase = first_phase(file)
    return GaitNetTask(config, body, load_motion(file, body.skeleton), phase)


def gaitnet_worlds(
    config: GaitNetConfig, body: GaitNetBody, num_worlds: int, num_threads: int | None, seed: int
) -> GaitNetWorlds:
    """N worlds of a body under the control law that a configuration asks for."""
    environment = config.environment
    advanced, simulation = environment.advanced, environment.simulation
    actuator = environment.skeleton.actuator
    law = GaitNetLaw(
        actuator,
        network_law(config, seed) if actuator in ("mass", "mass_lower") else None,
        inference_per_sim=1 if advanced.quirks else simulation.inference_per_sim,
        symmetric=advanced.enforce_symmetry,
        clipping="hard" if advanced.hard_phase_clipping else "none",
        muscle_model=environment.muscle.model,
        velocity_force=environment.muscle.use_velocity_force,
        passive_in_pd=advanced.include_jtp_in_spd,
        metabolic=environment.reward.metabolic.type,
        first_body_forces=advanced.quirks,
        loaded=KNEES if environment.reward.knee_pain.measured else (),
    )
    substeps = simulation.sim_hz // simulation.control_hz
    return GaitNetWorlds(body, law, num_worlds, substeps, num_threads, timestep=1.0 / simulation.sim_hz)


def ground_height(file: Path) -> float:
    """Height of the floor that GaitNet's file of the ground describes: the top of its one level box [m].

    Raises:
        BodyError: it describes something else.
    """
    root = read_document(file)
    node = root.one("node")
    body = node.one("body")
    body.choice("type", ("box",))
    place = body.one("transformation")
    if np.abs(place.numbers("linear", 9).reshape(3, 3)[1] - [0.0, 1.0, 0.0]).max() > _LEVEL:
        raise BodyError(f"{file}:{place.line}: the ground is not level; expected a box whose top is.")
    return float(place.numbers("translation", 3)[1] + 0.5 * body.numbers("size", 3)[1])
