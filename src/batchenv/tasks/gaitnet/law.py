"""Construction of GaitNet's body, motion and control law from a configuration."""

import logging

import numpy as np

from batchenv.body.gaitnet import (
    GaitNetBody,
    Motion,
    load_gaitnet_body,
    load_ground,
    load_motion,
    load_npz_motion,
)
from batchenv.body.gaitnet.mechanism import ROOT_DOFS, named_bodies, upper_joints
from batchenv.body.gaitnet.motion import HDF5_SUFFIXES, first_phase
from batchenv.config import Config, GaitNetConfig
from batchenv.config.gaitnet import read_noise
from batchenv.engine import ControlLaw, Logs, Records
from batchenv.errors import ConfigError
from batchenv.tasks.gaitnet import starts
from batchenv.tasks.gaitnet.knees import KNEES
from batchenv.tasks.gaitnet.noise import Noise
from batchenv.tasks.human_law import network_law

_log = logging.getLogger(__name__)


def gaitnet_config(config: Config) -> GaitNetConfig:
    """A configuration in GaitNet's format.

    Raises:
        ConfigError: it is of another task.
    """
    if not isinstance(config, GaitNetConfig):
        raise ConfigError(f"environment.task = {config.environment.task}: expected gaitnet")
    return config


def load_gaitnet_configured_body(config: GaitNetConfig, *, visual: bool = False) -> GaitNetBody:
    """Load the body that a configuration names; `visual` keeps what only the eye needs.

    Muscles that name unknown bodies or cross no joint are left out, as in GaitNet, but not silently.

    Raises:
        BodyError: says the file, the line, and what is wrong.
    """
    environment = config.environment
    ground = environment.ground.file
    body = load_gaitnet_body(
        config.resolve_path(environment.skeleton.file),
        config.resolve_path(environment.muscle.file),
        drop=True,
        visual=visual,
        ground_height=0.0 if ground is None else load_ground(config.resolve_path(ground)),
        timestep=1.0 / environment.simulation.sim_hz,
        loaded=KNEES if environment.reward.knee_pain.measured else (),
        self_collide=environment.skeleton.self_collide,
        mesh_weights=environment.muscle.mesh_lbs_weight,
    )
    for sentence in body.paths.dropped:
        _log.warning("left out: %s", sentence)
    return body


def load_configured_motion(config: GaitNetConfig, body: GaitNetBody) -> tuple[Motion, float]:
    """Load the motion of a configuration; return it, and the phase of the gait at which it begins.

    Raises:
        ConfigError: the motion is of another type than is said, or cannot be read.
    """
    motion = config.environment.motion
    file = config.resolve_path(motion.file)
    kind = {suffix: "h5" for suffix in HDF5_SUFFIXES} | {".bvh": "bvh", ".npz": "npz"}
    found = kind.get(file.suffix.lower(), motion.type)
    if found != motion.type:
        raise ConfigError(f"environment.motion.type = {motion.type!r}: {file.name} is {found}; give that.")
    if found == "npz":
        return load_npz_motion(file, body.skeleton), 0.0
    phase = 0.0
    if found == "h5" and not config.environment.advanced.quirks:
        phase = first_phase(file)
    return load_motion(file, body.skeleton, original=True, symmetry=motion.symmetry), phase


def configured_noise(config: GaitNetConfig, body: GaitNetBody) -> Noise | None:
    """The noise that a configuration names; None where it disturbs nothing.

    Raises:
        ConfigError: its file is invalid, or names unknown bodies.
    """
    environment = config.environment
    if environment.noise_injection is None:
        return None
    settings = read_noise(config.resolve_path(environment.noise_injection.file))
    muscled = environment.skeleton.actuator in ("mass", "mass_lower", "muscle")
    return Noise.of(settings, body, muscled=muscled, shared=environment.advanced.quirks)


def gaitnet_law(config: GaitNetConfig, body: GaitNetBody, seed: int = 0) -> ControlLaw:
    """Return the control law of a configuration; `seed` is that of a muscle network without a file."""
    environment = config.environment
    advanced, actuator = environment.advanced, environment.skeleton.actuator
    optimization = environment.muscle.static_optimization
    networked = actuator in ("mass", "mass_lower") and environment.muscle.coordinator == "network"
    noise = configured_noise(config, body)
    weight = body.paths.mass if environment.reward.metabolic.type.startswith("M") else None
    return ControlLaw(
        actuator,
        kp=np.asarray(body.skeleton.kp, float)[ROOT_DOFS:],
        kv=np.asarray(body.skeleton.kv, float)[ROOT_DOFS:],
        controller="stable_pd",
        constraints="active_set",
        network=network_law(config, seed) if networked else None,
        sweeps=optimization.sweeps,
        regularization=optimization.regularization,
        inference_per_sim=1 if advanced.quirks else environment.simulation.inference_per_sim,
        symmetric=advanced.enforce_symmetry,
        muscle_model=environment.muscle.model,
        velocity_force=environment.muscle.use_velocity_force,
        foresee_passive=advanced.include_jtp_in_spd,
        first_body_forces=advanced.quirks,
        ideal_joints=upper_joints(body),
        disturbances=None if noise is None else noise.disturbances,
        records=gaitnet_records(
            body,
            weight,
            2 if environment.reward.metabolic.type.endswith("2") else 1,
            forces=environment.action.gait_phase_mode == "contact",
        ),
    )


def gaitnet_records(
    body: GaitNetBody, effort_weight: np.ndarray | None = None, effort_power: int = 2, *, forces: bool = False
) -> Records:
    """Recorders that GaitNet's rewards and observations read; with `forces`, those on both feet, too."""
    feet = named_bodies(body, "TalusL", "TalusR")
    left = starts.left_shapes(body)
    sides = tuple(tuple(body.contact_geom[side].tolist()) for side in (left, ~left)) if forces else ()
    return Records(
        joint_torques=False,
        foot_loads=False,
        logs=Logs(named_bodies(body, "Head")[0], feet, tuple(body.contact_geom.tolist()), sides),
        capacity=True,
        loaded=named_bodies(body, *body.loaded),
        effort_weight=effort_weight,
        effort_power=effort_power,
        mean_effort=False,
    )
