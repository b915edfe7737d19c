"""The command about GaitNet's files; `cli` registers it."""

import json
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from batchenv.body.gaitnet import follow, load_gaitnet_body, load_motion
from batchenv.body.gaitnet.mjcf import export_spec
from batchenv.body.gaitnet.report import import_report
from batchenv.body.gaitnet.tendons import tendon_paths


def import_gaitnet(
    skeleton: Positional[Path],
    muscles: Positional[Path],
    *,
    out: Annotated[Path | None, arg(aliases=["-o"])] = None,
    motion: Path | None = None,
    drop: bool = False,
    json_file: Annotated[Path | None, arg(name="json")] = None,
) -> None:
    """Check a body of MASS or GaitNet, say what is odd about it, and write it as MJCF.

    Args:
        skeleton: its bodies and joints, XML or YAML.
        muscles: its muscles, XML or YAML.
        out: MJCF file to write: z up, x forward, each way-point on one body; any MuJoCo opens it.
        motion: .h5 or .bvh; says how well the body can follow it.
        drop: leave out muscles that name unknown bodies or cross no joint, which are errors otherwise.
        json_file: file to write the report to.
    """
    for option, file in (("--out", out), ("--json", json_file)):
        if file is not None and not file.resolve().parent.is_dir():
            raise SystemExit(f"{option} {file}: there is no directory {file.resolve().parent}")
    body = load_gaitnet_body(skeleton, muscles, drop=drop, visual=True)
    followed = None if motion is None else follow(load_motion(motion, body.skeleton))
    tendons = tendon_paths(body.skeleton, body.paths)
    report = import_report(body, tendons, followed)
    print("\n".join(report.lines()))
    if out is not None:
        out.write_text(export_spec(body, tendons).to_xml(), encoding="utf-8")
        print(f"MJCF: {out}")
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
        print(f"report: {json_file}")
