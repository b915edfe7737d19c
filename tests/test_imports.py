"""Imports point down the tiers: a file imports only from the tiers above its own, and never in a circle."""

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
PACKAGE = "batchenv"
# The package's own names (`from batchenv import BatchEnv`) are a tier, below all that it re-exports.
TIERS = (
    "startup",
    "errors",
    "extras",
    "shipped",
    "registration",
    "arrays",
    "files",
    "interrupts",
    "calls",
    "compiled",
    "messages",
    "cpus",
    "config",
    "rng",
    "body",
    "motion",
    "engine",
    "mdp",
    "tasks",
    "build",
    "inputs",
    "snapshot",
    "described",
    "env",
    "device_state",
    "device_env",
    "overlap",
    "learn",
    "evaluate",
    "vector",
    "bench",
    "distributed",
    PACKAGE,
    "cli",
    "__main__",
)


def modules(source: Path) -> dict[str, Path]:
    """Files of the package by dotted module name."""
    found = {}
    for file in sorted((source / PACKAGE).rglob("*.py")):
        parts = file.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(name: str, file: Path, known: dict[str, Path]) -> Iterator[str]:
    """Modules of the package that a file names in import statements, wherever in the file they stand."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE)
        elif isinstance(node, ast.ImportFrom):
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            if base.split(".")[0] == PACKAGE:
                targets = (f"{base}.{alias.name}" for alias in node.names)
                yield from (target if target in known else base for target in targets)


def tier(module: str) -> int:
    """Place of a module in TIERS."""
    name = (*module.split("."), PACKAGE)[1]
    assert name in TIERS, f"{module} belongs to no tier; give {name!r} its place in TIERS"
    return TIERS.index(name)


def graph(source: Path) -> dict[str, set[str]]:
    """Modules that each module imports."""
    known = modules(source)
    return {name: set(imports(name, file, known)) - {name} for name, file in known.items()}


def upward_arrows(source: Path) -> list[str]:
    """Imports from a tier below the importer's own."""
    return [
        f"{name} imports {target}"
        for name, targets in graph(source).items()
        for target in sorted(targets)
        if tier(target) > tier(name)
    ]


def test_no_module_imports_from_a_tier_below_its_own():
    assert len(modules(SOURCE)) > 5
    assert upward_arrows(SOURCE) == []


def test_no_modules_import_each_other_in_a_circle():
    graphlib.TopologicalSorter(graph(SOURCE)).prepare()


def write(source: Path, **files: str) -> Path:
    (source / PACKAGE / "mdp").mkdir(parents=True)
    for name, text in {"__init__": "", **files}.items():
        (source / PACKAGE / f"{name.replace('__in__', '/')}.py").write_text(text)
    return source


@pytest.mark.parametrize(
    "line",
    [
        "import batchenv.env",
        "from batchenv.env import BatchEnv",
        "from batchenv import env",
        "from batchenv import BatchEnv",
        "from ..env import BatchEnv",
        "from .. import env",
        "if TYPE_CHECKING:\n    from batchenv.env import BatchEnv",
        "def late():\n    from batchenv.env import BatchEnv",
    ],
)
def test_an_upward_arrow_is_found_in_any_form(tmp_path: Path, line: str):
    source = write(tmp_path, env="", mdp__in__rewards=line)
    assert len(upward_arrows(source)) == 1


def test_a_downward_arrow_is_none(tmp_path: Path):
    source = write(tmp_path, env="from batchenv.mdp import rewards\nimport numpy", mdp__in__rewards="")
    assert upward_arrows(source) == []


def test_a_circle_inside_a_tier_is_found(tmp_path: Path):
    source = write(
        tmp_path, mdp__in__a="from batchenv.mdp.b import x", mdp__in__b="from batchenv.mdp import a"
    )
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(graph(source)).prepare()


def test_a_file_outside_the_tiers_is_found(tmp_path: Path):
    source = write(tmp_path, helpers="import batchenv.errors", errors="")
    with pytest.raises(AssertionError, match="helpers belongs to no tier"):
        upward_arrows(source)
