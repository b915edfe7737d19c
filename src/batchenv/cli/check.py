"""The commands that validate files: `batchenv check`, `check-paths` and `import-gaitnet`."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tyro.conf import Positional, arg

from batchenv.cli.options import Changes, ConfigName, JsonFile, check_whole
from batchenv.errors import OutputError
from batchenv.extras import import_extra
from batchenv.files import write_atomically
from batchenv.startup import importing

MOST_POSES = 100_000


def check(
    config: Positional[ConfigName], *, change: Changes = (), data: Path | None = None, trust: bool = False
) -> None:
    """Validate a configuration and print it with all defaults.

    Args:
        change: configuration keys to override, such as environment.simulation.sim_hz=990.
        data: additional directory to search for "@data/..." files.
        trust: run the Python files that the configuration names, so that their terms are checked too.
    """
    with importing():
        from batchenv.build import check_scene
        from batchenv.config import load_config, parse_changes
    resolved = load_config(config, data, trust=trust).replace(parse_changes(change))
    check_scene(resolved)
    for remark in resolved.remarks:
        print(f"# {remark}")
    print(resolved.to_yaml(), end="")


def check_paths(
    config: Positional[ConfigName],
    *,
    poses: int = 10_000,
    walker: str = "walk",
    change: Changes = (),
    data: Path | None = None,
    trust: bool = False,
) -> None:
    """Compare the polynomials of a body's muscle paths with MuJoCo's tendons, muscle by muscle.

    Args:
        config: YAML file or name of a preset, whose body is looked at.
        poses: how many poses over the joints' whole ranges.
        walker: whose walk gives the poses of a gait; a shipped walker or the directory of a training run.
        change: configuration keys to override, such as environment.simulation.sim_hz=990.
        data: additional directory to search for "@data/..." files.
        trust: run the Python files that the configuration or the walker names.
    """
    check_whole("--poses", poses, 1, MOST_POSES)
    with importing():
        from batchenv.body.polynomial_fit import random_poses
        from batchenv.body.polynomial_paths import path_errors
        from batchenv.build import load_configured_body
        from batchenv.config import load_config, parse_changes
        from batchenv.evaluate.walker import load_walker
    resolved = load_config(config, data, trust=trust)
    resolved = resolved.replace(parse_changes((*change, "environment.muscle.paths=polynomial")))
    body = load_configured_body(resolved)
    if getattr(body, "polynomials", None) is None:
        raise SystemExit(f"the muscles of {config} have no tendons of MuJoCo's that polynomials can replace")
    gait = _poses_of_a_walk(body, load_walker(walker, trust=trust))
    ranges = path_errors(body, random_poses(body.tendon_body, poses, seed=1_000))
    walked = np.full_like(ranges, np.nan) if gait is None else path_errors(body, gait)
    print("errors [mm]: of lengths, root mean square and largest; of moment arms, largest root mean square")
    print(f"{'muscle':16} degree {'over the ranges':>24} {'in the walk':>24}")
    rows = (*zip(body.muscle_names, body.polynomials.degree, ranges, walked, strict=True),)
    worst = ("worst", body.polynomials.degree.max(), np.nanmax(ranges, 0), _largest(walked))
    for name, degree, *errors in (*rows, worst):
        cells = "".join("".join(f"{1e3 * each:8.3f}" for each in row) + " " for row in errors)
        print(f"{name:16} {degree:6} {cells}" if degree else f"{name:16} keeps MuJoCo's tendon")
    if gait is None:
        print(f"{walker} walks with other joints: its poses are not compared; name another with --walker")


def _largest(errors: np.ndarray) -> np.ndarray:
    return errors[0] if np.isnan(errors).all() else np.nanmax(errors, 0)


def _poses_of_a_walk(body: Any, walker: Any) -> np.ndarray | None:
    """Poses (n, J) [rad] of 4 walks of 5 s, or None where the walker has other joints."""
    from batchenv.evaluate.record import record

    walk = record(walker, walks=4, seconds=5.0)
    return walk.joint_pos.astype(float) if tuple(walk.joint_names) == body.joint_names else None


def import_gaitnet(
    skeleton: Positional[Path],
    muscles: Positional[Path],
    *,
    out: Annotated[Path | None, arg(aliases=["-o"])] = None,
    motion: Path | None = None,
    drop: bool = False,
    json_file: JsonFile = None,
) -> None:
    """Check a body of MASS or GaitNet, report its oddities, and convert it to MJCF.

    Args:
        skeleton: file of its bodies and joints, XML or YAML.
        muscles: file of its muscles, XML or YAML.
        out: MJCF file to write: z up, x forward, each way-point on one body.
        motion: motion file, .h5 or .bvh; the report then tells how closely the body can follow it.
        drop: skip muscles that name unknown bodies or cross no joint, instead of failing.
        json_file: file to write the report to.
    """
    inputs = [file.resolve() for file in (skeleton, muscles, motion) if file is not None]
    for option, file in (("--out", out), ("--json", json_file)):
        if file is not None:
            _check_output(option, file, inputs)
            inputs.append(file.resolve())
    if motion is not None and motion.suffix in (".h5", ".hdf5"):
        import_extra("h5py", "--motion in HDF5")
    with importing():
        from batchenv.body.gaitnet import follow, load_gaitnet_body, load_motion
        from batchenv.body.gaitnet.mjcf import export_spec
        from batchenv.body.gaitnet.report import import_report
        from batchenv.body.gaitnet.tendons import tendon_paths
    body = load_gaitnet_body(skeleton, muscles, drop=drop, visual=True)
    followed = None if motion is None else follow(load_motion(motion, body.skeleton))
    tendons = tendon_paths(body.skeleton, body.paths)
    report = import_report(body, tendons, followed)
    print("\n".join(report.lines()))
    if out is not None:
        _write("--out", out, export_spec(body, tendons).to_xml())
        print(f"MJCF: {out}")
    if json_file is not None:
        _write("--json", json_file, json.dumps(report.as_json(), indent=1) + "\n")
        print(f"report: {json_file}")


def _check_output(option: str, file: Path, others: list[Path]) -> None:
    """Raise SystemExit where a file cannot be written, or is one of the command's other files."""
    path = file.resolve()
    if not path.parent.is_dir():
        raise SystemExit(f"{option} {file}: there is no directory {path.parent}")
    if path in others:
        raise SystemExit(f"{option} {file}: this is another file of the command; give a new name")
    if path.is_dir():
        raise SystemExit(f"{option} {file}: this is a directory; give the name of a file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise SystemExit(f"{option} {file}: it cannot be written")


def _write(option: str, file: Path, text: str) -> None:
    try:
        write_atomically(file, lambda stream: stream.write(text.encode()))
    except OutputError as error:
        raise SystemExit(f"{option} {error}") from None
