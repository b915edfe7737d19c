"""What `import batchenv` offers, and what its distribution says of itself."""

import ast
import doctest
import inspect
import re
import subprocess
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import batchenv
import batchenv.evaluate.walker
import batchenv.extras
import batchenv.shipped
from batchenv import errors

ROOT = Path(__file__).parent.parent
NAMES = [
    "PRESETS",
    "BatchEnv",
    "BatchEnvError",
    "BodyError",
    "CheckpointError",
    "Config",
    "ConfigError",
    "Env",
    "InputError",
    "OutputError",
    "UsageError",
    "VectorEnv",
    "Walker",
    "action_term",
    "command_term",
    "coordinator",
    "evaluate",
    "event_term",
    "load_config",
    "load_walker",
    "observation_term",
    "quantity",
    "record",
    "recorder",
    "reward_term",
    "task",
    "termination_term",
]


def test_the_public_names_are_these():
    assert sorted(batchenv.__all__) == sorted(NAMES)
    assert all(hasattr(batchenv, name) for name in NAMES)


def test_type_checkers_are_told_the_same():
    stub = ast.parse((Path(batchenv.__file__).parent / "__init__.pyi").read_text())
    told = {
        alias.name: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    rest = {
        "PRESETS": "batchenv.shipped",
        "SB3VecEnv": "batchenv.vector.sb3",
        "evaluate": "batchenv.evaluate.evaluation",
    }
    assert told == batchenv._HOMES | rest


def test_the_package_evaluate_is_called_as_its_function():
    assert batchenv.evaluate is sys.modules["batchenv.evaluate"]
    assert inspect.signature(batchenv.evaluate) == inspect.signature(batchenv.evaluate.evaluate)
    with pytest.raises(errors.InputError, match="walks is 0"):
        batchenv.evaluate("walk", walks=0)


def test_importing_batchenv_waits_with_what_is_slow():
    code = """
import sys, batchenv
print([name for name in ("numba", "mujoco", "pydantic", "torch") if name in sys.modules])
assert "batchenv/Walk-v0" in __import__("gymnasium").registry
assert set(batchenv.__all__) < set(dir(batchenv))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_core_dependencies_suffice_for_a_configuration_and_a_walker():
    extras = ("torch", "matplotlib", "h5py", "rich", "rsl_rl", "tensorboard", "stable_baselines3", "ray")
    code = f"""
import sys
sys.modules.update(dict.fromkeys({extras!r}))  # None: importing it fails
import batchenv
assert batchenv.load_config("command").environment.task == "command"  # ahead of all that knows tasks
print(batchenv.load_walker("walk").policy.steps, batchenv.evaluate, batchenv.record)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'load_wlaker'"):
        batchenv.load_wlaker  # noqa: B018


@pytest.mark.parametrize("module", [batchenv.shipped, batchenv.evaluate.walker])
def test_examples_in_docstrings_run(module):
    assert doctest.testmod(module).failed == 0


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_version_is_the_same_everywhere(project):
    assert batchenv.__version__ == project["version"]
    assert (
        re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[1]
        == project["version"]
    )


def test_every_extra_that_an_error_names_exists(project):
    source = "".join(file.read_text() for file in (ROOT / "src").rglob("*.py"))
    named = set(re.findall(r"batchenv\[(\w+)\]", source)) | set(batchenv.extras._EXTRAS.values())
    assert named and named <= set(project["optional-dependencies"])


def test_import_extra_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(
        errors.UsageError, match=r"a walk needs more packages.*pip install 'batchenv\[evaluate\]'"
    ):
        batchenv.extras.import_extra("h5py", "a walk")


def test_links_of_the_readme_become_absolute():
    spec = spec_from_file_location("absolute_links", ROOT / ".ci" / "absolute_links.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    text = "![a walker](docs/walk.gif) [more](docs/a.md#b) [there](https://x.org) [here](#top)"
    assert module.absolute_links(text, "https://host/o/r", "v1") == (
        "![a walker](https://host/o/r/raw/v1/docs/walk.gif) [more](https://host/o/r/blob/v1/docs/a.md#b) "
        "[there](https://x.org) [here](#top)"
    )
