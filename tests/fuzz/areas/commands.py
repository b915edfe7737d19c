"""Command lines: options with odd values, missing or twice, files that are none."""

import contextlib
import io
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.cli import main
from batchenv.errors import BatchEnvError
from batchenv.evaluate import load_recording, save_recording
from batchenv.evaluate.recording import save_npz
from batchenv.evaluate.rollout import roll_out
from batchenv.evaluate.walker import load_walker
from tests.fuzz.outcomes import Fault
from tests.tasks.gaitnet.small_scene import write_scene

CONFIG = """
base: torque
training: {hidden: [8, 8], num_envs: 2, num_steps_per_env: 8, mini_batches: 2, epochs: 1, steps: 16}
"""
LINES = (
    "check torque",
    "check mine.yaml --data .",
    "check scene.yaml",
    "train mine.yaml --steps 16 --envs 2 --threads 1 --seed 0 --out new",
    "train mine.yaml --steps 16 --env-runners 1 --threads 1 --overlap --out new",
    "train --resume run --steps 32 --threads 1",
    "evaluate walk.npz --out report",
    "evaluate walk --quick --seeds 1 --strides 1 --seconds 1 --threads 1 --out report --set training.seed=1",
    "rollout walk --strides 1 --seed 0 --threads 1 --out new.h5",
    "rollout walk --strides 1 --seed 0 --threads 1 --format mm-evalkit --out new.npz",
    "rollout walk --strides 1 --threads 1 --format mot --out new.mot",
    "evaluate walk.mot --forces walk_grf.mot --mass 75 --out report",
    "export walk --hub new --license mit",
    "rollout walk --strides 1 --sweep sweep.csv --threads 1 --out new.h5",
    "play walk --video new.gif --seconds 0.1 --grid 1x1 --seed 0 --threads 1",
    "import-gaitnet skeleton.xml muscles.xml --out new.xml --motion walk.h5 --json new.json",
    "compare-coordinators --envs 1 --steps 2 --threads 1 --plot new.png",
)
_ODD_WORDS = (
    "", " ", "x", "-1", "0", "1", "2.5", "nan", "inf", "-inf", "1e400", "1e39", "1e308",
    "99999999999999999999999999", "9" * 5000, "--odd", "-x", "--", "None", "True", "[1]", "1 2", "gone/new",
    "mine.yaml", "walk.npz", ".", "/", "/dev/full", "/dev/null", "/proc/nothing", "run",
    "environment.reward=", "a.b=1", "environment.simulation.sim_hz=0x10", "=", "=1", "training=1",
    "environment.motion.speed=1e300", "environment.motion.speed=.nan", "\u0661", "a" * 300, "a\nb",
    "\udc80",
)  # fmt: skip


def prepare(materials: Path) -> None:
    """Write the files that the lines name, and run every line."""
    files = materials / "files"
    files.mkdir()
    with contextlib.chdir(files):
        write_scene(files)
        Path("mine.yaml").write_text(CONFIG)
        Path("sweep.csv").write_text("speed,friction\n1.2,0.8\n")
        roll_out(load_walker("walk"), "walk.h5.tmp.h5", 2, None, 0, 1)
        save_npz(load_recording("walk.h5.tmp.h5"), "walk.npz")
        save_recording(load_recording("walk.npz"), "walk.mot")
        Path("walk.h5.tmp.h5").unlink()
        call(["train", "mine.yaml", "--threads", "1", "--out", "run"])
    for number, line in enumerate(LINES):
        place = materials / f"line-{number}"
        shutil.copytree(files, place)
        with contextlib.chdir(place):
            try:
                call(line.split())
            except BatchEnvError as error:  # no pictures can be drawn on some machines
                if not line.startswith("play"):
                    raise RuntimeError(line) from error
        shutil.rmtree(place)


def make(rng: np.random.Generator, materials: Path, folder: Path) -> dict[str, Any]:
    """Make a line odd."""
    shutil.copytree(materials / "files", folder, dirs_exist_ok=True)
    words = str(rng.choice(LINES)).split()
    names = ["yaml text"]
    for _ in range(int(rng.choice([1, 1, 2]))):
        at, how = int(rng.integers(1, len(words))), rng.random()
        odd = str(rng.choice(_ODD_WORDS))
        option = next((word for word in reversed(words[: at + 1]) if word.startswith("--")), words[0])
        names += [option.lstrip("-"), odd[:20].strip() or option, words[at].lstrip("-")]
        names.append(repr(odd)[1:-1][:20].strip() or option)  # as messages show what no line can hold
        if how < 0.75:
            words[at] = odd
        elif how < 0.85:
            del words[at]
            names += ["unrecognized", "required", "missing", "expected"]
        else:
            words.insert(at, odd)
        if len(words) < 2:
            break
    return {
        "what": " ".join(words)[:200],
        "words": words,
        "names": sorted({_in_one_line(name) for name in (*names, *words[1:]) if name.strip()}),
    }


def attempt(spec: dict[str, Any], materials: Path) -> str | None:
    """Run the line."""
    call(spec["words"])
    return None


def call(words: list[str]) -> None:
    """Run a command line in this process; an exit with a message is a refusal.

    Raises:
        BatchEnvError: it exits with a message and no traceback.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as stop:
            if stop.code in (None, 0):
                return
            said = str(stop.code) if isinstance(stop.code, str) else err.getvalue() + out.getvalue()
            if "Traceback" in said:
                raise Fault("foreign", said) from stop
            raise BatchEnvError(_in_one_line(said)) from None
    if "Traceback" in err.getvalue():
        raise Fault("foreign", err.getvalue())


def _in_one_line(text: str) -> str:
    """Text without line breaks and the frames that boxes of errors have."""
    return re.sub(r"[\s│╭╮╰╯─]+", " ", text)
