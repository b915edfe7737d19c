"""The commands that validate files: `batchenv check` and `batchenv import-gaitnet`."""

import json
import os
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from batchenv.body.gaitnet import follow, load_gaitnet_body, load_motion
from batchenv.body.gaitnet.mjcf import export_spec
from batchenv.body.gaitnet.report import import_report
from batchenv.body.gaitnet.tendons import tendon_paths
from batchenv.build import check_scene
from batchenv.cli.options import ConfigName, JsonFile
from batchenv.config import load_config
from batchenv.errors import OutputError
from batchenv.files import write_atomically


def check(config: Positional[ConfigName], *, data: Path | None = None, trust: bool = False) -> None:
    """Validate a configuration and print it with all defaults.

    Args:
        data: additional directory to search for "@data/..." files.
        trust: run the Python files that the configuration names, so that their terms are checked too.
    """
    resolved = load_config(config, data, trust=trust)
    check_scene(resolved)
    for remark in resolved.remarks:
        print(f"# {remark}")
    print(resolved.to_yaml(), end="")


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
