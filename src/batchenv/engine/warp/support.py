"""The parts that worlds on a Warp device support, the choice of the device, and bare worlds on it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import is_dataclass
from typing import Any

import mujoco
import mujoco_warp as mjw
import warp as wp

from batchenv.body.mechanism import Mechanism
from batchenv.compiled import notice
from batchenv.engine.law import ControlLaw
from batchenv.errors import UsageError

CONTACTS = 48  # room for so many at once in one world


def check_supported(mechanism: Mechanism, law: ControlLaw, *, measured: bool) -> None:
    """Refuse parts that have no kernels here.

    Raises:
        UsageError: names all of them.
    """
    found = list(_unsupported(mechanism, law, measured))
    if found:
        raise UsageError(
            f"engine 'warp' does not support {', '.join(found)}; give environment.simulation.engine 'numba'"
        )


def _unsupported(mechanism: Mechanism, law: ControlLaw, measured: bool) -> Iterator[str]:
    records, model = law.records, mechanism.model
    choices = {
        f"actuator {law.actuator!r}": law.actuator not in ("mass", "muscle"),
        f"controller {law.controller!r}": law.controller != "pd",
        f"constraints {law.constraints!r}": law.constraints != "mujoco",
        f"muscle model {law.muscle_model!r}": law.muscle_model != "mujoco",
        "muscle paths on way-points": mechanism.way_points is not None,
        "keep_samples of a muscle network": law.network is not None and law.network.keep_samples,
        "coordinators of your own": law.guest is not None,
        "recorders of your own": len(records.guests) > 0,
        "devices": len(law.device_joints) > 0,
        "disturbances": law.disturbances is not None,
        "symmetric coordination": law.symmetric,
        "logs of every substep": records.logs is not None,
        "records of muscles": records.muscles,
        "records of joint loads": len(records.loaded) > 0,
        "records of capacity": records.capacity,
        "uneven floors": model.nhfield > 0,
        "derived fields at the end of a step": measured,
    }
    return (name for name, present in choices.items() if present)


def chosen_device(name: str | None) -> Any:
    """Return the Warp device of a name, "cpu" or "cuda"; None: a CUDA device if there is one.

    Raises:
        UsageError: there is no such device.
    """
    if name is None:
        return wp.get_preferred_device()
    if name.startswith("cuda") and not wp.is_cuda_available():
        raise UsageError(f"device {name!r}: Warp finds no CUDA device and driver here; give device 'cpu'")
    return wp.get_device(name)


def compiling() -> AbstractContextManager[None]:
    """Announce first steps, which compile kernels, if they take long."""
    return notice("compiling MuJoCo Warp's kernels, once per machine: minutes")


def bare_worlds(model: mujoco.MjModel, num_worlds: int) -> tuple[Any, Any]:
    """Put a model and data of its worlds on the current device; return MuJoCo Warp's both.

    Raises:
        UsageError: MuJoCo Warp does not support the model.
    """
    # MuJoCo Warp has no midphase, and refuses the flag that switches it off.
    model.opt.disableflags &= ~int(mujoco.mjtDisableBit.mjDSBL_MIDPHASE)
    try:
        m = mjw.put_model(model)
    except NotImplementedError as error:
        raise UsageError(f"engine 'warp': MuJoCo Warp does not support this body: {error}") from error
    m.opt.graph_conditional = has_loops_in_graphs(wp.get_device())
    m.opt.warn_overflow = 0  # a step of `DeviceWorlds` reads `overflow` itself
    return m, mjw.make_data(model, nworld=num_worlds, nconmax=CONTACTS, njmax=most_rows(model, CONTACTS))


def has_loops_in_graphs(device: Any) -> bool:
    """Return whether a graph of a device may hold loops; with drivers older than CUDA 12.4 it may not, and
    MuJoCo Warp then launches all iterations of its solver."""
    return device.is_cpu or wp.is_conditional_graph_supported()


def most_rows(model: mujoco.MjModel, contacts: int) -> int:
    """Return how many rows the constraints of a world can have, with so many contacts at once."""
    condim = int(max([1, *model.geom_condim.tolist(), *model.pair_dim.tolist()]))
    by_contact = 2 * (condim - 1) if model.opt.cone == mujoco.mjtCone.mjCONE_PYRAMIDAL else condim
    equalities = {mujoco.mjtEq.mjEQ_CONNECT: 3, mujoco.mjtEq.mjEQ_WELD: 6}
    return (
        sum(equalities.get(mujoco.mjtEq(kind), 1) for kind in model.eq_type.tolist())
        + int(model.jnt_limited.sum() + model.tendon_limited.sum())
        + int((model.dof_frictionloss > 0).sum() + (model.tendon_frictionloss > 0).sum())
        + max(1, by_contact) * contacts
    )


def taken(owner: object) -> int:
    """Return the memory of all arrays of an object, and of the dataclasses in it [B]."""
    total = 0
    for value in vars(owner).values():
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, wp.array):
                total += each.capacity
            elif is_dataclass(each):
                total += taken(each)
    return total
