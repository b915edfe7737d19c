"""Parts of clips: chosen more often where a world failed."""

import numpy as np

from batchenv.tasks.clip_parts import ClipParts

PARTS = ClipParts.of(np.array([1.0, 0.2, 1.55]))


def test_parts_cover_each_clip_once():
    assert PARTS.clip.tolist() == [0, 0, 1, 2, 2, 2]
    length = PARTS.end - PARTS.begin
    assert np.allclose(np.bincount(PARTS.clip, length), [1.0, 0.2, 1.55]) and (length > 0).all()


def test_many_long_clips_have_a_limited_number_of_parts():
    assert ClipParts.of(np.full(50, 60.0)).count <= 250


def test_all_times_are_as_likely_at_first_and_those_of_failures_more_likely_later():
    draws = np.random.default_rng(0).uniform(size=(4000, 2))
    failures = np.ones((4000, PARTS.count))
    clip, seconds = PARTS.chosen(failures, draws)
    assert np.allclose(np.bincount(clip) / 4000, np.array([1.0, 0.2, 1.55]) / 2.75, atol=0.03)
    assert (seconds >= 0).all() and (seconds <= np.array([1.0, 0.2, 1.55])[clip]).all()
    failures[:] = 0.0
    failures[:, 1] = 1.0
    clip, seconds = PARTS.chosen(failures, draws)
    hard = (clip == 0) & (seconds >= 0.5)
    assert 0.65 < hard.mean() < 0.75  # 1.1 * 0.5 of 1.1 * 0.5 + 0.1 * 2.25


def test_episodes_teach_which_parts_are_hard():
    failures = np.full((3, PARTS.count), 0.5)
    clip, begun, ended = np.array([2, 2, 0]), np.array([0.1, 0.75, 0.25]), np.array([0.75, 1.5, 2.1])
    learned = PARTS.learned(failures, clip, begun, ended, np.array([True, False, True]))
    assert np.allclose(
        learned[0], [0.5, 0.5, 0.5, 0.4, 0.6, 0.5]
    )  # crossed the first part, fell in the second
    assert np.allclose(learned[1], [0.5, 0.5, 0.5, 0.5, 0.4, 0.4])  # went on to the end
    assert np.allclose(learned[2], [0.6, 0.4, 0.5, 0.5, 0.5, 0.5])  # of a clip that repeats, twice around
