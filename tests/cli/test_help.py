import inspect
import re
import subprocess
import sys

import pytest

from batchenv.cli import main
from batchenv.cli.average import average
from batchenv.cli.bench import bench
from batchenv.cli.check import check_paths, import_gaitnet
from batchenv.cli.evaluate import evaluate
from batchenv.cli.motion import import_motion, show
from batchenv.cli.muscles import compare_coordinators, pretrain_muscles
from batchenv.cli.train import train

COMMANDS = ("check", "train", "bench", "evaluate", "rollout", "play", "export", "import", "show")
MORE = (
    "average",
    "pretrain-muscles",
    "check-paths",
    "compare-coordinators",
    "import-gaitnet",
    "presets",
    "walkers",
)


def test_help_opens_with_the_purpose_and_lists_the_commands(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert not ended.value.code
    printed = capsys.readouterr().out
    assert "Simulate batches of muscle-driven humans" in printed
    for command in COMMANDS + MORE:
        assert re.search(rf"\b{command} +[A-Z]\w+ ", printed), command


@pytest.mark.parametrize(
    "command",
    [
        bench,
        train,
        evaluate,
        check_paths,
        import_motion,
        show,
        average,
        pretrain_muscles,
        compare_coordinators,
        import_gaitnet,
    ],
)
def test_every_option_is_described(command):
    described = re.findall(
        r"^ {8}(\w+): ", inspect.getdoc(command).replace("\n    ", "\n        "), re.MULTILINE
    )
    assert list(inspect.signature(command).parameters) == described


def test_help_and_lists_come_before_all_slow_imports():
    code = f"""
import sys
from batchenv.cli import main
for words in {[[], *([command] for command in (*COMMANDS, *MORE[:-2]))]!r}:
    try:
        main([*words, "--help"])
    except SystemExit:
        pass
main(["presets"])
main(["walkers"])
slow = ("numba", "mujoco", "pydantic", "torch", "matplotlib", "h5py", "rsl_rl")
print([name for name in slow if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stderr.strip() == "[]"
