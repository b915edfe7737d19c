"""The soak lives through all that it says, and notices what grows."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak import Events, Sample, Soak

ROOT = Path(__file__).parents[1]


def grown(rss_mb: float, threads: int, files: int) -> Soak:
    """A soak whose last quarter has so much more."""
    plain, more = Sample(0, 100.0, 4, 8), Sample(0, 100.0 + rss_mb, 4 + threads, 8 + files)
    return Soak(samples=[plain] * 6 + [more] * 2)


def test_what_grows_is_noticed():
    assert grown(1.0, 0, 0).flat
    assert not grown(100.0, 0, 0).flat
    assert not grown(0.0, 1, 0).flat
    assert not grown(0.0, 0, 1).flat
    assert Events(other_bits_in_threads=1).faults == 1


@pytest.mark.slow
def test_a_short_soak_finds_no_fault(tmp_path):
    command = [sys.executable, "benchmarks/soak.py", "--steps", "4000", "--json", str(tmp_path / "soak.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert "0 faults" in done.stdout, done.stdout + done.stderr
    events = json.loads((tmp_path / "soak.json").read_text())["events"]
    assert events["steps"] >= 4000 and events["restores"] > 0 and events["divergences"] > 0
    assert events["not_finite"] == events["other_bits_after_restore"] == events["other_bits_in_threads"] == 0
