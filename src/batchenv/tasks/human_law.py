"""Construction of a human body and its control law from a configuration."""

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, Literal

import mujoco

from batchenv.body import Body, load_body
from batchenv.body.names import SIDES, BodyNames
from batchenv.body.polynomial_paths import with_polynomial_paths
from batchenv.body.uneven_floor import with_uneven_floor
from batchenv.config import Config
from batchenv.config.problems import shortened
from batchenv.engine.coordinators.network.files import read_state
from batchenv.engine.coordinators.network.network import StateDict
from batchenv.engine.coordinators.shared_network import NetworkSpec
from batchenv.engine.guests import Recorder, is_coordinator, recorded_shape
from batchenv.engine.law import ControlLaw, Records
from batchenv.errors import ConfigError, InputError
from batchenv.mdp.devices import Assistance, worn_masses
from batchenv.mdp.terms import load_code

# Numbers that a recorder may keep of each world.
MOST_RECORDED = 65_536


def load_human(config: Config, *, visual: bool = False) -> Body:
    """Load the body that a configuration names; `visual` keeps what only the eye needs, and all tendons."""
    environment = config.environment
    file, names = environment.skeleton.file, environment.skeleton.names
    body = load_body(
        file if file.startswith("myo_sim:") else str(config.resolve_path(file)),
        timestep=1.0 / environment.simulation.sim_hz,
        integrator=environment.simulation.integrator,
        friction=environment.ground.friction,
        solref=environment.ground.solref,
        solimp=environment.ground.solimp,
        visual=visual,
        names=BodyNames(
            feet=names.feet,
            toes=names.toes,
            trunk=names.trunk,
            head=names.head,
            sides=names.sides or SIDES,
            joints=names.joints,
        ),
        scale=environment.skeleton.scale,
        held=environment.skeleton.held,
        worn=worn_masses(environment.devices),
        pelvis_tilt=environment.skeleton.pelvis_tilt,
    )
    if environment.muscle.paths != "mujoco" and not visual and body.muscle_names:
        body = with_polynomial_paths(body, environment.muscle.polynomial.tolerance)
    relief = environment.parameters.relief
    return with_uneven_floor(body, {kind: own.max for kind, own in relief.items()}) if relief else body


def human_law(config: Config, body: Body, seed: int = 0) -> ControlLaw:
    """Return the control law of a configuration.

    Args:
        config: the whole configuration.
        body: what moves.
        seed: of a muscle network without a file.

    Raises:
        ConfigError: a file of weights cannot be read, or parameters of muscles have no effect.
    """
    environment = config.environment
    kp, kv = body.default_gains(environment.skeleton.kp, environment.skeleton.kv)
    optimization = environment.muscle.static_optimization
    _check_muscle_parameters(config)
    networked = environment.muscle.coordinator == "network" and environment.skeleton.actuator == "mass"
    return ControlLaw(
        environment.skeleton.actuator,
        kp,
        kv,
        activation_dynamics=environment.muscle.activation_dynamics,
        sweeps=optimization.sweeps,
        regularization=optimization.regularization,
        torque_weight=body.by_joint("torque_weight", optimization.torque_weight),
        inference_per_sim=environment.simulation.inference_per_sim,
        muscle_model=environment.muscle.model,
        constraints=environment.simulation.constraints or _usual_solver(config, body),
        records=Records(joint_torques=environment.muscle.model == "mujoco", guests=own_recorders(config)),
        network=network_law(config, seed) if networked else None,
        guest=_own_coordinator(environment.muscle.coordinator, environment.skeleton.actuator),
        device_joints=Assistance(environment.devices, body).joints,
    )


def _usual_solver(config: Config, body: Body) -> Literal["mujoco", "tree_newton"]:
    """Constraints are solved in the callback where bits are not those of MuJoCo's tendons anyway."""
    pyramidal = body.model.opt.cone == mujoco.mjtCone.mjCONE_PYRAMIDAL
    on_cpu = config.environment.simulation.engine == "numba"
    return "tree_newton" if on_cpu and body.polynomials is not None and pyramidal else "mujoco"


def own_recorders(config: Config) -> tuple[Recorder, ...]:
    """The recorders of a user's own that a configuration names.

    Raises:
        ConfigError: a file has no such recorder, or two have one name.
    """
    where = "environment.simulation.recorders"
    found: list[Recorder] = []
    for key in config.environment.simulation.recorders:
        function = _own_function(key, where)
        shape = recorded_shape(function)
        if shape is None:
            raise ConfigError(f"{where}: {key} is not a recorder; decorate it with @batchenv.recorder(...)")
        if not all(type(length) is int and length > 0 for length in shape) or prod(shape) > MOST_RECORDED:
            raise ConfigError(
                f"{where}: {key} has the shape {shortened(shape)}; expected whole numbers from 1, such as "
                f"@recorder(2, 3), {MOST_RECORDED:,} numbers at most"
            )
        found.append(Recorder(function.__name__, function, shape))
    names = [each.name for each in found]
    if len({*names}) < len(names):
        raise ConfigError(f"{where}: two recorders have one name, of {', '.join(names)}; rename one")
    return tuple(found)


def _own_coordinator(name: str, actuator: str) -> Callable[..., Any] | None:
    where = "environment.muscle.coordinator"
    if ":" not in name:
        return None
    if actuator != "mass":
        raise ConfigError(
            f"{where}: {name} coordinates nothing with actuator {actuator!r}; give "
            "environment.skeleton.actuator 'mass', or leave the coordinator out"
        )
    function = _own_function(name, where)
    if not is_coordinator(function):
        raise ConfigError(f"{where}: {name} is not a coordinator; decorate it with @batchenv.coordinator")
    return function


def _own_function(key: str, where: str) -> Callable[..., Any]:
    file, _, name = key.rpartition(":")
    if not file:
        raise ConfigError(f"{where}: {key} names no file; give FILE.py:FUNCTION")
    function = vars(load_code(Path(file), f"{where} = {key}")).get(name)
    if not callable(function):
        raise ConfigError(f"{where}: {file} has no function {name}")
    return function


def _check_muscle_parameters(config: Config) -> None:
    """Refuse parameters of muscles whose forces MuJoCo does not compute."""
    found = [name for name in config.environment.parameters.by_name if name.startswith("muscle.")]
    if found and config.environment.muscle.model != "mujoco":
        raise ConfigError(
            f"environment.parameters.{found[0]}: parameters of muscles need environment.muscle.model mujoco"
        )


def network_law(config: Config, seed: int) -> NetworkSpec:
    """Return the muscle network of a configuration.

    Raises:
        ConfigError: a file of weights cannot be read.
    """
    network = config.environment.muscle.network
    return NetworkSpec(
        network.hidden,
        state=_weights(config, "file", network.file),
        base=_weights(config, "base_file", network.base_file),
        weight=network.weight if network.cascaded else 1.0,
        seed=seed,
        keep_samples=network.keep_samples,
    )


def _weights(config: Config, key: str, file: str | None) -> StateDict | None:
    if file is None:
        return None
    try:
        return read_state(config.resolve_path(file))
    except InputError as error:
        raise ConfigError(f"environment.muscle.network.{key}: {error}") from error
