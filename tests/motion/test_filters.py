import dataclasses

import numpy as np
import pytest
from scipy import signal

from batchenv.errors import InputError
from batchenv.motion.filters import butterworth, lowpassed


def test_a_wave_at_the_cutoff_falls_to_its_root_and_is_not_late():
    time = np.arange(0.0, 10.0, 0.01)
    for hertz, gain in ((1.0, 1.0), (6.0, np.sqrt(0.5)), (25.0, 0.0)):
        wave = np.sin(2 * np.pi * hertz * time)[:, None]
        middle = slice(200, 800)
        found = butterworth(wave, 6.0, 100.0)[middle]
        assert found == pytest.approx(gain * wave[middle], abs=0.01)


def test_it_is_scipys_filter_run_both_ways():
    draw = np.random.default_rng(0)
    values = np.cumsum(draw.standard_normal((400, 3)), axis=0)
    corner = np.arctan(np.tan(np.pi * 6.0 / 100.0) / (np.sqrt(2.0) - 1.0) ** 0.25) * 100.0 / np.pi
    expected = signal.filtfilt(*signal.butter(2, corner, fs=100.0), values, axis=0, padlen=50)
    assert butterworth(values, 6.0, 100.0)[60:-60] == pytest.approx(expected[60:-60], abs=1e-6)


def test_a_clip_is_filtered_with_its_root(stroll):
    draw = np.random.default_rng(1)
    clip = stroll.resampled(200.0)
    shaken = dataclasses.replace(
        clip, joint_pos=clip.joint_pos + 0.02 * draw.standard_normal(clip.joint_pos.shape)
    )
    calm = lowpassed(shaken, 6.0)
    rms = [float(np.sqrt(np.mean((c.joint_pos - clip.joint_pos)[20:-20] ** 2))) for c in (shaken, calm)]
    assert rms[1] < 0.4 * rms[0]
    assert calm.root_pos == pytest.approx(clip.root_pos, abs=2e-3)
    assert np.abs((calm.root_quat * clip.root_quat).sum(axis=1)) == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(
        InputError, match="cutoff is 100.0; expected a frequency above 0 and below half the rate"
    ):
        lowpassed(clip, 100.0)
