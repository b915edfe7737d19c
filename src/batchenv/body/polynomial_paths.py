"""A body whose muscle paths are polynomials: its model has stand-ins for the tendons that they replace."""

import hashlib
import io
import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from math import comb
from pathlib import Path

import mujoco
import numpy as np
import platformdirs

from batchenv.body.body import Body
from batchenv.body.bound_arms import DEGREE as BOUND_DEGREE
from batchenv.body.bound_arms import BoundArms, bound_entries
from batchenv.body.floor_pairs import name_floor_pairs
from batchenv.body.moment_arms import ROOT_ROOM, check_muscles_alone
from batchenv.body.polynomial_fit import (
    ACTIVE_FIELDS,
    MOST_DEGREE,
    PolynomialPaths,
    dofs_moved,
    fit_paths,
    joint_boxes,
    measure_paths,
    pieces_of,
)
from batchenv.body.sources import compile_spec, delete_unused_sites, keep_strength
from batchenv.compiled import stamp
from batchenv.errors import BatchEnvError, OutputError
from batchenv.files import read_npz, sealed, write_atomically

_log = logging.getLogger(__name__)

# Fields of a model that muscle paths and their lengths depend on.
_FIELDS = (
    *("qpos0", "body_parentid", "body_pos", "body_quat", "jnt_type", "jnt_bodyid", "jnt_pos", "jnt_axis"),
    *("jnt_range", "jnt_limited", "eq_type", "eq_obj1id", "eq_obj2id", "eq_data", "site_bodyid", "site_pos"),
    *("geom_bodyid", "geom_type", "geom_pos", "geom_quat", "geom_size", "tendon_adr", "tendon_num"),
    *(f"tendon_{name}" for name in ACTIVE_FIELDS),
    "wrap_type",
    *("wrap_objid", "wrap_prm", "actuator_trntype", "actuator_trnid", "actuator_gear", "sensor_objtype"),
    *("sensor_objid", "sensor_type", "tuple_objtype", "tuple_objid"),
    # Where bound joints matter is a question of masses and strengths.
    *("dof_invweight0", "actuator_gainprm", "actuator_acc0"),
)


def with_polynomial_paths(body: Body, tolerance: float) -> Body:
    """Return a body whose muscle paths are polynomials, where these are accurate enough.

    The polynomials are fitted once for a body, in some seconds, and kept in the user's cache directory
    (`BATCHENV_CACHE_DIR`, or what the system provides).

    Args:
        body: whose muscles are MuJoCo's tendons.
        tolerance: see `fit_paths` [m].
    """
    check_muscles_alone(body)
    paths = _cached(body, tolerance)
    spec = _with_stand_ins(body, paths)
    return replace(body, spec=spec, model=compile_spec(spec), polynomials=paths, tendon_body=body)


def path_errors(body: Body, joint_pos: np.ndarray) -> np.ndarray:
    """Compare polynomials with the tendons that they replace.

    Args:
        body: of `with_polynomial_paths`.
        joint_pos: poses (n, J) [rad].

    Returns:
        Root mean square and largest error of each muscle's length, and the largest root mean square over the
        joints of its moment arms (M, 3) [m]; NaN for muscles that keep their tendon.
    """
    paths, tendon_body = body.polynomials, body.tendon_body
    assert paths is not None and tendon_body is not None
    found, moments = measure_paths(tendon_body, joint_pos), tendon_body.moments
    errors = np.full((len(paths.degree), 3), np.nan)
    for m in np.flatnonzero(paths.degree).tolist():
        length, arms = paths.evaluate(m, joint_pos)
        wrong = length - found.length[:, m]
        crossings = range(moments.ptr[m], moments.ptr[m + 1])
        missed = [np.mean((arms[moments.joint[k]] - found.arm[:, k]) ** 2) for k in crossings]
        errors[m] = np.sqrt(np.mean(wrong**2)), np.abs(wrong).max(), np.sqrt(max(missed))
    return errors


def _with_stand_ins(body: Body, paths: PolynomialPaths) -> mujoco.MjSpec:
    """A copy of a body's spec in which muscles with polynomials have no tendons of their own.

    All that they need is room for their moments. The root joint gives room for six at no cost; muscles that
    move more dofs pull on fixed tendons, and those that move the same ones share one. What MuJoCo derives
    from a muscle's path when it compiles a model is taken from the body's own: the range of its length, and
    its peak force.
    """
    spec, model = body.spec.copy(), body.model
    spec.compiler.LRopt.useexisting = 1
    stand_ins: dict[tuple[int, ...], str] = {}
    touched: set[str] = set()
    root = next(joint for joint in spec.joints if joint.type == mujoco.mjtJoint.mjJNT_FREE)
    root.name = root.name or _free_name(spec.joint, "batchenv_root")
    for m in np.flatnonzero(paths.degree).tolist():
        joints = tuple(model.dof_jntid[dofs_moved(body, paths, m)].tolist())
        actuator = spec.actuator(body.muscle_names[m])
        replaced = spec.tendon(actuator.target)
        touched |= {wrap.target.name for wrap in replaced.path if wrap.target is not None}
        actuator.gear[:] = 1.0
        if len(joints) <= ROOT_ROOM:
            actuator.trntype, actuator.target = mujoco.mjtTrn.mjTRN_JOINT, root.name
        else:
            if joints not in stand_ins:
                name = f"batchenv_joints_{'_'.join(map(str, joints))}"
                stand_ins[joints] = _free_name(spec.tendon, name)
                tendon = spec.add_tendon(name=stand_ins[joints])
                for joint in joints:
                    tendon.wrap_joint(model.joint(joint).name, 1.0)
            actuator.target = stand_ins[joints]
        keep_strength(actuator, model)
        spec.delete(replaced)
    delete_unused_sites(spec, touched)
    # One body is one island of few geoms: to look for islands, and for boxes of geoms, costs a tenth.
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_ISLAND | mujoco.mjtDisableBit.mjDSBL_MIDPHASE)
    name_floor_pairs(spec)
    return spec


def _free_name(find: Callable[[str], object], name: str) -> str:
    while find(name) is not None:
        name += "_"
    return name


def _cached(body: Body, tolerance: float) -> PolynomialPaths:
    """Polynomials of a body out of the cache, or fitted."""
    file = cache_directory() / "paths" / f"{_digest(body, tolerance)}.npz"
    try:
        if file.exists():
            return _unpacked(body, read_npz(file))
    except OSError as error:
        _log.debug("%s: %s", file, error)
    except (BatchEnvError, KeyError, ValueError) as error:
        _log.info("%s is made again: %s", file, error)
    paths = fit_paths(body, tolerance, _Progress())
    kept = [name for name, degree in zip(body.muscle_names, paths.degree, strict=True) if not degree]
    if kept:
        _log.info(
            "%d of %d muscles keep MuJoCo's tendons, which no polynomial follows within %g mm: %s",
            *(len(kept), len(paths.degree), 1e3 * tolerance, ", ".join(kept)),
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, lambda out: out.write(sealed(_packed(paths))))
    except (OSError, OutputError) as error:
        _log.warning("polynomials of muscle paths cannot be kept for the next start: %s", error)
    return paths


class _Progress:
    """Logs from time to time which share of the muscles has polynomials."""

    def __init__(self) -> None:
        self._next = time.monotonic() + 1.5

    def __call__(self, share: float) -> None:
        if time.monotonic() >= self._next:
            _log.info("fitting polynomials to muscle paths, once for each body: %.0f %%", 100 * share)
            self._next = time.monotonic() + 5.0


def cache_directory() -> Path:
    """Where what is computed once is kept: `BATCHENV_CACHE_DIR`, or what the system provides."""
    return Path(os.environ.get("BATCHENV_CACHE_DIR") or platformdirs.user_cache_dir("batchenv"))


def _digest(body: Body, tolerance: float) -> str:
    digest = hashlib.sha256(f"{stamp('batchenv.body.polynomial_fit')} {tolerance!r}".encode())
    for field in _FIELDS:
        digest.update(field.encode() + np.ascontiguousarray(getattr(body.model, field)).tobytes())
    return digest.hexdigest()


def _packed(paths: PolynomialPaths) -> bytes:
    stream = io.BytesIO()
    coefficients = np.concatenate([np.zeros(0), *paths.coefficients])
    np.savez(
        stream,
        degree=paths.degree,
        error=paths.error,
        coefficients=coefficients,
        bound_muscle=paths.bound.muscle,
        bound_joint=paths.bound.bound,
        bound_coefficients=paths.bound.coefficients,
    )
    return stream.getvalue()


def _unpacked(body: Body, stored: dict[str, np.ndarray]) -> PolynomialPaths:
    """Polynomials from the arrays of a file; ValueError or KeyError where they cannot be this body's."""
    degree, error, coefficients = (stored[name] for name in ("degree", "error", "coefficients"))
    n = len(body.muscle_names)
    if (
        degree.dtype != np.int32
        or degree.shape != (n,)
        or not ((degree >= 0) & (degree <= MOST_DEGREE)).all()
    ):
        raise ValueError("its degrees are not those of this body")
    pieces = tuple(own if d else () for own, d in zip(pieces_of(body), degree, strict=True))
    sizes = [
        sum(comb(len(piece) + d, d) for piece in own) for own, d in zip(pieces, degree.tolist(), strict=True)
    ]
    if any(d and not own for d, own in zip(degree, pieces, strict=True)):
        raise ValueError("it has polynomials of muscles that can have none")
    for array, shape in ((error, (n, 3)), (coefficients, (sum(sizes),))):
        if array.dtype != np.float64 or array.shape != shape or np.isnan(array).any():
            raise ValueError("its numbers are not those of this body")
    if not np.isfinite(coefficients).all():
        raise ValueError("its coefficients are not finite")
    parts = tuple(np.split(coefficients, np.cumsum(sizes)[:-1]))
    return PolynomialPaths(
        *joint_boxes(body), pieces, degree, parts, error, _bound_arms(body, degree, stored)
    )


def _bound_arms(body: Body, degree: np.ndarray, stored: dict[str, np.ndarray]) -> BoundArms:
    muscle, bound, coefficients = (stored[f"bound_{name}"] for name in ("muscle", "joint", "coefficients"))
    known = set(zip(*(each.tolist() for each in bound_entries(body)[1:]), strict=True))
    pairs = list(zip(muscle.tolist(), bound.tolist(), strict=True))
    if not known.issuperset(pairs) or not degree[muscle].all():
        raise ValueError("its moment arms on bound joints are not those of this body")
    if coefficients.shape != (len(pairs), BOUND_DEGREE + 1) or not np.isfinite(coefficients).all():
        raise ValueError("its coefficients are not finite")
    return BoundArms(muscle, bound, body.bound_joint[bound], coefficients)
