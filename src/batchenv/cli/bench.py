"""The command `batchenv bench`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from batchenv.cli.ending import saying
from batchenv.cli.options import Changes, ConfigName, JsonFile
from batchenv.cpus import available_cpus
from batchenv.files import check_output_file, write_atomically
from batchenv.startup import importing


def bench(
    config: Positional[ConfigName] = "walk",
    *,
    envs: tuple[int, ...] = (8, 16, 32, 128, 512),
    threads: int | None = None,
    json_file: JsonFile = None,
    engine: Literal["numba", "warp"] | None = None,
    scaling: bool = False,
    adapters: bool = False,
    peers: bool = False,
    peer_python: str = sys.executable,
    alternations: int = 7,
    change: Changes = (),
    data: Path | None = None,
    trust: bool = False,
) -> None:
    """Compare the speed of an environment with that of bare MuJoCo on the same model.

    Args:
        config: configuration to measure; the same body driven directly by excitations is measured beside it.
        envs: numbers of worlds.
        threads: number of threads that step the worlds; by default all CPUs available to this process.
        json_file: file to write the figures to.
        engine: engine to measure instead of the configuration's; warp is compared with bare MuJoCo Warp.
        scaling: measure with 1, 2, 4, ... threads, and predict 16 and 64 cores from the serial share.
        adapters: compare VectorEnv and SB3VecEnv with BatchEnv instead.
        peers: compare MyoSuite and EnvPool with BatchEnv instead, at the rates of their task.
        peer_python: a Python in which they are installed.
        alternations: number of turns of environment and bare batch, at least 5.
        change: configuration keys to override, such as environment.simulation.sim_hz=990.
        data: additional directory to search for "@data/..." files.
        trust: allow the configuration to run the Python files that it names.
    """
    with importing():
        from batchenv.bench import (
            ADAPTER_TABLE_HEAD,
            GAITNET_TABLE_HEAD,
            LIMIT_TABLE_HEAD,
            PEER_TABLE_HEAD,
            PREDICTION_HEAD,
            WARP_TABLE_HEAD,
            benchmark,
            benchmark_adapters,
            benchmark_gaitnet,
            benchmark_peers,
            benchmark_warp,
            predictions,
        )
        from batchenv.build import on_warp
        from batchenv.config import GaitNetConfig, load_config, parse_changes
        from batchenv.evaluate.numbers import check_threads
    if alternations < 5:
        raise SystemExit(f"--alternations {alternations}: at least 5, or the median says nothing")
    check_threads("--threads", threads)
    if json_file is not None:
        check_output_file(json_file, "--json")
    resolved = load_config(config, data, trust=trust).replace(parse_changes(change))
    if engine is not None:
        resolved = resolved.replace({"environment.simulation.engine": engine})
    counts = _thread_counts(threads or available_cpus(), scaling)
    sizes = [*envs], counts, alternations
    predicted = scaling and not adapters and not peers and not on_warp(resolved)
    if on_warp(resolved):
        if adapters or peers or scaling or threads is not None:
            raise SystemExit("--engine warp compares with bare MuJoCo Warp: leave out the other comparisons")
        head, measured = WARP_TABLE_HEAD, benchmark_warp(Path(config).stem, resolved, [*envs], alternations)
    elif adapters:
        head, measured = ADAPTER_TABLE_HEAD, benchmark_adapters(resolved, *sizes)
    elif peers:
        head, measured = PEER_TABLE_HEAD, benchmark_peers(*_peers(config, resolved, peer_python), *sizes)
    elif isinstance(resolved, GaitNetConfig):
        head, measured = GAITNET_TABLE_HEAD, benchmark_gaitnet(Path(config).stem, resolved, *sizes)
    else:
        head, measured = LIMIT_TABLE_HEAD, benchmark(_contenders(config, resolved), *sizes)
    rows: list[Any] = []
    print(head)
    with saying(lambda: f"{json_file or 'the table'} holds the {len(rows)} rows measured so far"):
        for row in measured:
            rows.append(row)
            print(row.table_line(), flush=True)
            if json_file is not None:
                _write_json(json_file, rows, predicted)
    if predicted:
        print(f"\n{PREDICTION_HEAD}")
        for prediction in predictions(rows):
            print(prediction.table_line())


def _peers(name: str, config: Any, python: str) -> tuple[dict[str, Any], dict[str, str], str]:
    """Return configurations at the peers' rates, the peers' versions and their Python; say who is absent."""
    from batchenv.bench import PEER_RATES, installed_peers
    from batchenv.config import GaitNetConfig

    if isinstance(config, GaitNetConfig):
        raise SystemExit(
            f"--peers compares MyoSuite's legs, and {name} is a world of GaitNet: give walk or excite"
        )
    peers, absent = installed_peers(python)
    for sentence in absent:
        print(sentence)
    contenders = _contenders(name, config).items()
    return {title: each.replace(PEER_RATES) for title, each in contenders}, peers, python


def _thread_counts(most: int, scaling: bool) -> list[int]:
    """Return the powers of two below `most`, and `most`; without scaling `most` alone."""
    if not scaling:
        return [most]
    return sorted({2**k for k in range(most.bit_length()) if 2**k <= most} | {most})


def _contenders(name: str, config: Any) -> dict[str, Any]:
    """Return the configurations to compare, by name; where paths are tendons, also with polynomials."""
    stem, actuator = Path(name).stem, config.environment.skeleton.actuator
    found = {stem: config}
    if actuator != "muscle":
        excitations = {
            "environment.skeleton.actuator": "muscle",
            "environment.action.scale": 1.0,
            "environment.action.residual": False,
        }
        found = {f"{stem} (muscle)": config.replace(excitations), stem: config}
    if actuator in ("muscle", "mass") and config.environment.muscle.paths == "mujoco":
        polynomials = {"environment.muscle.paths": "polynomial"}
        found |= {f"{title}, polynomial paths": each.replace(polynomials) for title, each in found.items()}
    return found


def _write_json(file: Path, rows: Sequence[Any], predicted: bool) -> None:
    from batchenv.bench import as_json, predictions

    document = as_json(rows)
    if predicted:
        document["predictions"] = [asdict(each) for each in predictions(rows)]
    text = json.dumps(document, indent=1) + "\n"
    write_atomically(file, lambda stream: stream.write(text.encode()))
