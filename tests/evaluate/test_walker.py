import pytest

from batchenv.errors import CheckpointError, InputError
from batchenv.evaluate.walker import load_walker, shipped_walkers
from tests.evaluate.untrained import save_run, untrained

SPEED = "environment.commands.walking_velocity.speed"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two walkers as if shipped."""
    folder = tmp_path_factory.mktemp("walkers")
    walker = untrained()
    save_run(walker, folder / "walk")
    save_run(walker, folder / "run")
    return folder


def test_a_name_means_a_shipped_walker(folder):
    assert shipped_walkers(folder) == ("run", "walk")
    walker = load_walker("walk", folder)
    assert walker.name == "walk" and walker.config == untrained().config


@pytest.mark.parametrize("file", ["", "policy.safetensors", "checkpoint.pt"])
def test_a_path_means_a_training_run_or_a_file_in_one(folder, file):
    (folder / "run" / "checkpoint.pt").touch()
    assert load_walker(folder / "run" / file).name == "run"


def test_what_is_not_there_is_refused_with_the_nearest_name(folder, tmp_path):
    with pytest.raises(CheckpointError, match="'wakl' is neither.*Did you mean 'walk'.*walkers: run, walk"):
        load_walker("wakl", folder)
    (tmp_path / "policy.safetensors").write_bytes((folder / "walk" / "policy.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match="has no config.yaml beside its policy.safetensors"):
        load_walker(tmp_path)


def test_worlds_draw_no_parameters_and_last_as_long_as_asked():
    walker = untrained()
    mass = {"min": 0.5, "max": 1.5, "default": 1.2, "sampling": "uniform"}
    drawn = type(walker)(
        "drawn", walker.policy, walker.config.replace({"environment.parameters.body.mass.all": mass})
    )
    with drawn.worlds(2, 3.0, 1) as env:
        env.reset(0)
        assert env.max_episode_steps == 90
        for world in range(2):
            total = env.worlds.batch.get_model(world).body_mass.sum()
            assert total == pytest.approx(1.2 * env.body.mass)


def test_a_policy_of_other_columns_is_refused():
    walker = untrained()
    with pytest.raises(CheckpointError, match="column"):
        walker.worlds(1, 1.0, 1, {"environment.skeleton.actuator": "muscle"})


def test_a_walker_that_hears_no_commands_is_told_none():
    for changes in ({SPEED: [0.0, 2.0]}, {"environment.commands": {"walking_velocity": {}}}):
        with pytest.raises(InputError, match="trained without commands, and does not hear walking_velocity"):
            untrained().with_changes(changes)
        with pytest.raises(InputError, match="take a walker that was trained with it, such as command"):
            untrained().worlds(1, 1.0, 1, changes)


def test_a_walker_is_warned_of_that_is_told_what_it_was_not_trained_for(caplog):
    walker = load_walker("command").with_changes({SPEED: [0.5, 1.0]})
    assert not caplog.text
    walker = walker.with_changes({SPEED: [3.0, 3.0]})
    assert "command was trained for speed 0 m/s to 2 m/s, and is told 3 m/s" in caplog.text
    caplog.clear()
    walker.with_changes({SPEED: [1.5, 1.5]})  # it is what it was trained for that counts
    assert not caplog.text
