"""The commands about the muscle network: `batchenv pretrain-muscles` and `compare-coordinators`."""

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from batchenv.cli.ending import stopped
from batchenv.cli.options import (
    MOST_MINUTES,
    MOST_SEED,
    MOST_STEPS,
    MOST_THREADS,
    MOST_WORLDS,
    Changes,
    ConfigName,
    check_positive,
    check_whole,
)
from batchenv.cpus import available_cpus
from batchenv.errors import OutputError
from batchenv.extras import import_extra
from batchenv.files import check_output_file, write_atomically
from batchenv.learn.report import PretrainingResult
from batchenv.learn.stopping import StopTraining
from batchenv.startup import importing


def pretrain_muscles(
    config: Positional[ConfigName] = "walk_muscle_nn",
    *,
    out: Path = Path("muscle_network.npz"),
    minutes: float = 8.0,
    threads: int | None = None,
    seed: int = 0,
    device: Literal["cpu", "cuda"] = "cpu",
    half: bool = False,
    change: Changes = (),
    data: Path | None = None,
    trust: bool = False,
) -> None:
    """Pretrain the muscle network on random poses, velocities and torques.

    Args:
        config: configuration with the body and the size of the network.
        out: file for the weights, to be loaded by environment.muscle.network.file.
        minutes: duration of the training [min].
        threads: number of threads that train; by default all CPUs available to this process.
        seed: seed of all random draws.
        device: device that the network is trained on.
        half: write the weights in half precision.
        change: configuration keys to override, such as environment.simulation.sim_hz=990.
        data: additional directory to search for "@data/..." files.
        trust: allow the configuration to run the Python files that it names.
    """
    check_positive("--minutes", minutes, MOST_MINUTES)
    check_whole("--threads", threads, 1, MOST_THREADS)
    check_whole("--seed", seed, 0, MOST_SEED)
    check_output_file(out, "--out", suffixes=(".npz",))
    with importing():
        import_extra("torch", "training")
        import_extra("rich", "training")
        from batchenv.config import load_config, parse_changes
        from batchenv.learn.muscle_pretraining import pretrain, save_network
        from batchenv.learn.progress import Output, PretrainingProgress
    resolved = load_config(config, data, trust=trust).replace(parse_changes(change))
    console = Output()
    with PretrainingProgress(console) as progress:
        network, result = pretrain(
            resolved,
            minutes,
            threads=threads or available_cpus(),
            seed=seed,
            device=device,
            progress=progress,
        )
    save_network(out, network, half=half)
    with suppress(StopTraining, OutputError) if result.stopped_by else nullcontext():
        console.print(
            f"{_result_table(result)}\nweights: {out}", highlight=False, soft_wrap=True, markup=False
        )
    if result.stopped_by is not None:
        stopped(result.stopped_by, f"the weights of {result.updates:,} updates are saved in {out}")


def compare_coordinators(
    config: Positional[ConfigName] = "walk_muscle_nn",
    *,
    policy: Path | None = None,
    envs: int = 16,
    steps: int = 60,
    threads: int | None = None,
    plot: Path = Path("coordinators.png"),
    change: Changes = (),
    data: Path | None = None,
    trust: bool = False,
) -> None:
    """Compare static optimisation with the muscle network on the same walking states.

    Args:
        config: configuration that names the weights of the network.
        policy: directory of a training run whose policy walks, and whose muscle network is compared if it has
            one; by default the reference gait is tracked.
        envs: number of worlds.
        steps: number of control steps of each world.
        threads: number of threads that step the worlds; by default all CPUs available to this process.
        plot: PNG file to write: torques over the gait cycle and activations of the muscles.
        change: configuration keys to override, such as environment.simulation.sim_hz=990.
        data: additional directory to search for "@data/..." files.
        trust: allow the configurations to run the Python files that they name.
    """
    check_whole("--envs", envs, 1, MOST_WORLDS)
    check_whole("--steps", steps, 1, MOST_STEPS)
    check_whole("--threads", threads, 1, MOST_THREADS)
    check_output_file(plot, "--plot", suffixes=(".png",))
    with importing():
        import_extra("matplotlib", "--plot")
        from batchenv.config import load_config, parse_changes
        from batchenv.evaluate import coordinators
        from batchenv.evaluate.coordinator_plot import comparison_png
        from batchenv.evaluate.walker import load_walker
    changes = parse_changes(change)
    resolved = load_config(config, data, trust=trust).replace(changes)
    walker = None if policy is None else load_walker(policy, trust=trust).with_changes(changes)
    compared = coordinators.compare_coordinators(
        resolved if walker is None else coordinators.with_network(walker.config, resolved),
        None if walker is None else walker.policy,
        num_envs=envs,
        steps=steps,
        num_threads=threads,
    )
    print(coordinators.comparison_table(compared))
    png = comparison_png(compared)
    write_atomically(plot, lambda file: file.write(png))
    print(f"plot: {plot}")


def _result_table(result: PretrainingResult) -> str:
    lines = [
        f"{result.updates:,} updates over {result.states:,} states in {result.seconds:.0f} s; "
        "torques of held-out problems [Nm, rms]",
        "| joint | asked | error of the network | error of static optimisation |",
        "|---|---|---|---|",
    ]
    for row in zip(result.joint_names, result.asked, result.network, result.optimization, strict=True):
        lines.append("| {} | {:.1f} | {:.2f} | {:.2f} |".format(*row))
    lines.append(
        f"mean squared activation: {result.network_effort:.4f}, "
        f"of static optimisation {result.optimization_effort:.4f}"
    )
    return "\n".join(lines)
