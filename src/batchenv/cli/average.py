"""The command `batchenv average`."""

import os
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from batchenv.cli.options import WalkerName
from batchenv.errors import CheckpointError
from batchenv.shipped import CONFIG_FILE, POLICY_FILE
from batchenv.startup import importing


def average(
    walkers: Positional[tuple[WalkerName, ...]],
    *,
    out: Path,
    shares: Annotated[tuple[float, ...], arg(metavar="SHARE ...")] = (),
    trust: bool = False,
) -> None:
    """Make one walker of several that went on from the same one: the mean of their policies' weights.

    Args:
        walkers: shipped walkers or directories of training runs, at least two.
        out: directory for the new walker, which all commands and --warm-start read.
        shares: of each walker, positive numbers; by default all alike.
        trust: allow the walkers' configurations to name Python files.
    """
    with importing():
        from batchenv.evaluate.walker import load_walker, save_walker
        from batchenv.learn.averaging import average_policies
    for name in (POLICY_FILE, CONFIG_FILE):
        if os.path.lexists(out / name):
            raise CheckpointError(f"{out} already holds a {name}: choose another directory")
    loaded = [load_walker(walker, trust=trust) for walker in walkers]
    policy = average_policies([walker.policy for walker in loaded], shares or None)
    save_walker(out, policy, loaded[0].config)
    print(f"{out}: the mean of {len(loaded)} policies, in the worlds of {loaded[0].name}")
