"""The command `batchenv export`."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from batchenv.cli.options import WalkerName
from batchenv.startup import importing


def export(
    walker: Positional[WalkerName],
    *,
    onnx: Path | None = None,
    hub: Path | None = None,
    report: Path | None = None,
    license_name: Annotated[str, arg(name="license")] = "apache-2.0",
    trust: bool = False,
) -> None:
    """Write a walker's policy as ONNX, or the walker as a folder for the Hugging Face hub, or both.

    Args:
        onnx: file to write, .onnx: normalisation and network in one graph, compared with the policy.
        hub: folder to write: model card, configuration, weights, licence, sources; all commands read it, too.
        report: report.json of `batchenv evaluate`, for the model card; by default the one beside the policy.
        license_name: licence of the weights in the model card, as the hub names it.
        trust: allow the walker's configuration to name Python files.
    """
    with importing():
        from batchenv.evaluate.hub_folder import save_hub_folder
        from batchenv.evaluate.walker import load_walker
        from batchenv.learn.onnx_file import onnx_modules, save_onnx
    if onnx is None and hub is None:
        raise SystemExit("nothing to write: add --onnx FILE.onnx, or --hub DIRECTORY, or both")
    if onnx is not None:
        onnx_modules()
    loaded = load_walker(walker, trust=trust)
    if hub is not None:
        folder = save_hub_folder(walker, hub, report, license_name, trust=trust)
        print(f"model card, configuration and weights: {folder}")
    if onnx is not None:
        environment = loaded.config.environment
        texts = {"name": loaded.name, "control_hz": f"{environment.simulation.control_hz:g}"}
        difference = save_onnx(loaded.policy, onnx, texts)
        print(f"{onnx}: actions of onnxruntime differ from the policy's by {difference:.1e} at most")
