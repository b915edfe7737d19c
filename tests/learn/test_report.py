from math import isnan, nan

import numpy as np

from batchenv.learn.report import WINDOW, Episodes, Report


def test_means_are_over_the_window_and_the_first_window_is_kept():
    episodes = Episodes()
    episodes.add(WINDOW // 2, np.array([1.0, 3.0]), np.array([10, 30]))
    assert (episodes.mean_return, episodes.mean_length, episodes.first_length) == (2.0, 20.0, 20.0)
    episodes.add(WINDOW, np.array([5.0]), np.array([50]))
    assert (episodes.mean_return, episodes.mean_length, episodes.first_length) == (3.0, 30.0, 30.0)
    episodes.add(WINDOW * 3 // 2, np.array([7.0]), np.array([70]))
    assert (episodes.mean_return, episodes.mean_length, episodes.first_length) == (6.0, 60.0, 30.0)


def test_without_new_episodes_the_last_means_stay():
    episodes = Episodes()
    episodes.add(10, np.array([]), np.array([], int))
    assert isnan(episodes.mean_return) and isnan(episodes.first_length)
    episodes.add(2 * WINDOW, np.array([1.0]), np.array([8]))
    episodes.add(9 * WINDOW, np.array([]), np.array([], int))
    assert (episodes.mean_return, episodes.mean_length, episodes.first_length) == (1.0, 8.0, 8.0)


def test_scalars_leave_out_what_is_not_known():
    report = Report(64, 128, 10.0, nan, nan, {"pose": 0.5}, {"kl": 0.01}, 1e-3, 0.3, 0.9)
    scalars = report.scalars()
    assert scalars["reward/pose"] == 0.5 and scalars["loss/kl"] == 0.01
    assert not any(tag.startswith("episode/") for tag in scalars)
