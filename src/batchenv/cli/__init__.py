"""The command `batchenv`; no other package of the library prints."""

import logging
import sys
from importlib import metadata

import tyro

from batchenv.cli.average import average
from batchenv.cli.bench import bench
from batchenv.cli.check import check, check_paths, import_gaitnet
from batchenv.cli.ending import conventional_ending
from batchenv.cli.evaluate import evaluate
from batchenv.cli.export import export
from batchenv.cli.listing import presets, walkers
from batchenv.cli.motion import import_motion, show
from batchenv.cli.muscles import compare_coordinators, pretrain_muscles
from batchenv.cli.options import REGISTRY
from batchenv.cli.play import play
from batchenv.cli.rollout import rollout
from batchenv.cli.train import train

__all__ = ["main"]

_DESCRIPTION = (
    "Simulate batches of muscle-driven humans in MuJoCo: train policies that walk, film them, record them, "
    "and compare their gait with that of humans. batchenv --version prints the version."
)
_COMMANDS = (
    check,
    train,
    bench,
    evaluate,
    rollout,
    play,
    export,
    average,
    import_motion,
    show,
    pretrain_muscles,
    compare_coordinators,
    check_paths,
    import_gaitnet,
    presets,
    walkers,
)
# Python knows the word already.
_NAMES = {"import_motion": "import"}


def main(args: list[str] | None = None) -> None:
    """Run the command line; report mistakes of the user in one message, without a traceback.

    Args:
        args: words after the program's name; by default those of this process.
    """
    words = sys.argv[1:] if args is None else args
    if words == ["--version"]:
        print(f"batchenv {metadata.version('batchenv')}")
        return
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("batchenv").setLevel(logging.INFO)  # tells what takes long
    app = tyro.extras.SubcommandApp()
    for command in _COMMANDS:
        app.command(name=_NAMES.get(command.__name__))(command)
    with conventional_ending():
        app.cli(prog="batchenv", args=words, description=_DESCRIPTION, registry=REGISTRY)
