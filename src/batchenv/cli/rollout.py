"""The command `batchenv rollout`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from batchenv.cli.ending import saying
from batchenv.cli.options import Changes, WalkerName, identity
from batchenv.extras import import_extra
from batchenv.files import check_output_file
from batchenv.startup import importing

if TYPE_CHECKING:
    from batchenv.evaluate.sweep import Sweep

_MOST_SAID = 20  # rows of a sweep that are named where they do not end as asked
Format = Literal["hdf5", "mot", "sto", "csv", "c3d", "mm-evalkit"]
SUFFIXES: dict[Format, tuple[str, ...]] = {
    "hdf5": (".h5", ".hdf5"),
    "mot": (".mot",),
    "sto": (".sto",),
    "csv": (".csv",),
    "c3d": (".c3d",),
    "mm-evalkit": (".npz",),
}


def rollout(
    walker: Positional[WalkerName],
    *,
    out: Path,
    strides: int = 100,
    sweep: Path | None = None,
    seed: int = 0,
    threads: int | None = None,
    file_format: Annotated[Format | None, arg(name="format")] = None,
    change: Changes = (),
    trust: bool = False,
) -> None:
    """Record walks into a file: one walk, or one for each row of a sweep.

    Args:
        out: file to write; .h5 is written continuously, of any length, and stays readable if interrupted.
        strides: length of a rollout, in cycles of the reference gait at its usual speed.
        sweep: CSV file with one rollout per row; columns: speed and period of the reference, or speed [m/s]
            and yaw_rate [rad/s] that a walker such as command is told; friction, mass, muscle_strength, names
            of muscles with or without their side, such as soleus_r or soleus, and parameters of the walker,
            such as environment.parameters.gait.stride.
        seed: seed of the starting states.
        threads: number of threads that step the worlds; by default all CPUs available to this process.
        file_format: by default what --out ends with. mot: motion and ground forces for OpenSim; sto:
            activations, muscle forces, joint moments and joint loads; csv: all in one table; c3d: joints and
            ground forces; mm-evalkit: the .npz archive that MuscleMimic's evaluation reads.
        change: configuration keys to override, such as environment.simulation.sim_hz=990.
        trust: allow the walker's configuration to run the Python files that it names.
    """
    with importing():
        from batchenv.build import load_configured_body
        from batchenv.config import parse_changes
        from batchenv.evaluate.mm_evalkit import export
        from batchenv.evaluate.numbers import MOST_STRIDES, check_count, check_threads
        from batchenv.evaluate.rollout import roll_out
        from batchenv.evaluate.rollout_file import HDF5_SUFFIXES
        from batchenv.evaluate.sweep import read_sweep
        from batchenv.evaluate.told import takes_commands, told_columns
        from batchenv.evaluate.walker import load_walker
        from batchenv.rng import checked_seed
    suffixes = SUFFIXES[file_format] if file_format else ()
    check_output_file(out, "--out", suffixes=suffixes)
    check_count("--strides", strides, MOST_STRIDES)
    check_threads("--threads", threads)
    checked_seed(seed)
    if out.suffix in HDF5_SUFFIXES:
        import_extra("h5py", "an HDF5 file")
    loaded = load_walker(walker, trust=trust).with_changes(parse_changes(change))
    if file_format == "mm-evalkit":
        if sweep is not None:
            sys.exit("--sweep and --format mm-evalkit exclude each other: its archive holds one body's mass")
        print(f"{export(loaded, out, strides, seed=seed, num_threads=threads)[0]}: {out}")
        return
    rows = None
    if sweep is not None:
        body = load_configured_body(loaded.config)
        parameters = loaded.config.environment.parameters.by_path
        rows = read_sweep(sweep, body.muscle_names, body.names, parameters, told_columns(loaded.config))
    before = identity(out)
    walked = "holds what was walked so far"
    with saying(lambda: f"{out} {walked if identity(out) != before else 'was not written'}"):
        ended = roll_out(loaded, out, strides, rows, seed, threads)
    counts = f"{ended.count('completed')} completed"
    asked = rows is not None and set(told_columns(loaded.config)) & set(rows.names)
    if asked or not takes_commands(loaded.config):  # else the speed asked changes on the way
        counts += f", {ended.count('off speed')} off the speed asked"
    if rows is not None:
        _print_others(rows, ended)
    plural = "" if len(ended) == 1 else "s"
    print(f"{len(ended)} rollout{plural}, {counts}, {ended.count('fell')} fell: {_written(out)}")


def _print_others(sweep: "Sweep", ended: Sequence[str]) -> None:
    """Say which rows of a sweep did not end as asked, the first of them."""
    others = [row for row, end in enumerate(ended) if end != "completed"]
    for row in others[:_MOST_SAID]:
        values = zip(sweep.names, sweep.values[row].tolist(), strict=True)
        print(f"row {row + 1}: {ended[row]}, {', '.join(f'{name} {value:g}' for name, value in values)}")
    if len(others) > _MOST_SAID:
        print(f"and {len(others) - _MOST_SAID} rows more")


def _written(out: Path) -> Path:
    """What a rollout left: several files of .sto have a name that begins with that of --out."""
    return out.with_name(f"{out.stem}_*.sto") if out.suffix == ".sto" else out
