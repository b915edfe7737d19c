from types import SimpleNamespace

import pytest

from batchenv.bench.scaling import PREDICTION_HEAD, predictions, speedup


def row(envs, threads, serial_share):
    return SimpleNamespace(config="walk", envs=envs, threads=threads, serial_share=serial_share)


@pytest.mark.parametrize(
    ("share", "cores", "expected"), [(0.0, 16, 16.0), (1.0, 64, 1.0), (0.5, 2, 4 / 3), (0.05, 16, 9.142857)]
)
def test_the_prediction_is_amdahls_law(share, cores, expected):
    assert speedup(share, cores) == pytest.approx(expected)


def test_predictions_are_made_from_the_fewest_threads_and_say_what_they_are():
    rows = [row(8, 2, 0.2), row(8, 1, 0.1), row(512, 2, 0.02)]
    small, large = predictions(rows)
    assert (small.envs, small.serial_share, large.envs, large.serial_share) == (8, 0.1, 512, 0.02)
    assert small.predicted_speedup == {16: 6.4, 64: 8.77}
    assert small.table_line() == "| walk | 8 | 10.0% | 6.4 (40%) | 8.8 (14%) |"
    assert PREDICTION_HEAD.startswith("Prediction") and "not a measurement" in PREDICTION_HEAD
