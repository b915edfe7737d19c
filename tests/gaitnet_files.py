"""GaitNet's own files, and the numbers its program computed, for tests that compare with them.

They are no part of the repository: BATCHENV_GAITNET names the directory that holds them, by default
`../shared/gaitnet` beside the repository. Tests that ask for them are skipped where they are absent.
"""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.npyio import NpzFile

_ENVIRONMENT = "BATCHENV_GAITNET"
_DEFAULT = Path(__file__).parent.parent.parent / "shared" / "gaitnet"


def _root() -> Path:
    return Path(os.environ.get(_ENVIRONMENT, _DEFAULT))


def gaitnet_data() -> Path:
    """Return the directory of base.xml, distribute_lower_only.xml, walk.h5, ...; skip the test without it."""
    data = _root() / "data"
    if not (data / "base.xml").is_file():
        pytest.skip(f"GaitNet's files are not in {data}; {_ENVIRONMENT} may name their directory")
    return data


def has_gaitnet_data() -> bool:
    """Whether `gaitnet_data` finds its directory."""
    return (_root() / "data" / "base.xml").is_file()


def original_data() -> Path:
    """Return the directory of all of GaitNet's data, nested as it has it; skip the test without it."""
    data = _root() / "original"
    if not (data / "env").is_dir():
        pytest.skip(f"GaitNet's files are not in {data}; {_ENVIRONMENT} may name their directory")
    return data


def original_environments() -> list[str]:
    """Names of all environments of GaitNet's data; none without it."""
    folder = _root() / "original" / "env"
    return sorted(file.name for kind in ("*.yaml", "*.xml") for file in folder.glob(kind))


@cache
def _load(path: Path) -> NpzFile:
    return np.load(path, allow_pickle=False)


def oracle() -> NpzFile:
    """Return the numbers that GaitNet's program computed, see its ORACLE.md; skip the test without them."""
    path = _root() / "oracle_dev.npz"
    if not path.is_file():
        pytest.skip(f"GaitNet's numbers are not at {path}; {_ENVIRONMENT} may name their directory")
    return _load(path)
