"""Commands: when they are drawn, who sees them, and that they are the same in any batch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchenv import BatchEnv, BatchEnvError, ConfigError, InputError, UsageError, load_config
from batchenv.mdp.commands import walking_velocity

ENDLESS: dict[str, Any] = {"environment.termination.terms": {}}
ASKED = {"speed": [0.5, 1.5], "yaw_rate": [-0.5, 0.5], "standing": 0.2, "every": [0.1, 0.3]}


def built(num_envs: int = 3, threads: int = 1, **options: Any) -> BatchEnv:
    """Worlds of the preset torque that are asked for a speed and a rate of turning, and see them."""
    changes = {
        "environment.commands.walking_velocity": ASKED | options.pop("asked", {}),
        "environment.observation.terms.command": {},
        "environment.reward.track_speed": {"weight": 0.5},
        "environment.reward.track_yaw_rate": {"weight": 0.5},
    }
    config = load_config("torque").replace(changes | options.pop("changes", {}))
    return BatchEnv(config, num_envs, threads, **({"seed": 3} | options))


def zeros(env: BatchEnv) -> np.ndarray:
    return np.zeros((env.num_envs, env.action_dim))


def history(env: BatchEnv, steps: int = 30) -> np.ndarray:
    """Commands after a reset and after each of so many steps (1 + steps, N, 2)."""
    env.reset()
    found = [env.commands]
    for _ in range(steps):
        env.step(zeros(env))
        found.append(env.commands)
    return np.array(found)


def test_commands_are_in_their_ranges_and_drawn_again_at_times_of_each_worlds_own():
    with built(16, asked={"standing": 0.0}, changes=ENDLESS) as env:
        speed, yaw_rate = np.moveaxis(history(env, 40), -1, 0)
    assert ((speed >= 0.5) & (speed <= 1.5)).all() and np.abs(yaw_rate).max() <= 0.5
    assert np.ptp(speed) > 0.9 and np.ptp(yaw_rate) > 0.9
    lengths = np.concatenate([np.diff(np.flatnonzero(np.diff(speed[:, world]))) for world in range(16)])
    assert set(lengths) == set(range(3, 10)), "0.1 s to 0.3 s are 3 to 9 steps"


@pytest.mark.parametrize("again", [0.0, 0.5, 1.0])
def test_after_a_fall_a_walker_may_be_asked_the_same_once_more(again: float):
    with built(16, asked={"again": again, "every": None, "standing": 0.0}) as env:
        repeated = []
        env.reset()
        env.set_command([0], {"speed": 0.123})  # set by the caller, and so not repeated
        for _ in range(90):
            before = env.commands
            env.step(zeros(env))
            fell = env.terminated.copy()
            repeated += (env.commands == before).all(axis=1)[fell & (before[:, 0] != 0.123)].tolist()
            assert (env.commands[fell, 0] != 0.123).all()
        assert len(repeated) > 20 and np.mean(repeated) == pytest.approx(again, abs=0.25 * (again == 0.5))
        env.reset(seed=3)
        first = env.commands
    with built(16, asked={"again": again, "every": None, "standing": 0.0}) as env:
        env.reset()
        assert np.array_equal(env.commands, first), "whatever came before"


def test_walkers_are_asked_to_stand_as_often_as_said():
    rng = np.random.default_rng(0)
    drawn = walking_velocity(
        lambda count: rng.uniform(size=(1000, count)), speed=(0.5, 1.5), yaw_rate=(-0.5, 0.2), standing=0.2
    )
    standing = (drawn == 0.0).all(axis=1)
    assert 0.15 < standing.mean() < 0.25 and drawn[~standing, 0].min() >= 0.5
    assert drawn[:, 1].min() < -0.4 and 0.1 < drawn[:, 1].max() <= 0.2


def test_commands_do_not_depend_on_threads_on_other_worlds_or_on_the_first_episode():
    with built(6, 2) as env, built(1, first_world=4) as alone:
        many = history(env)
        assert np.array_equal(history(alone)[:, 0], many[:, 4])
        again = history(env)
        assert not np.array_equal(again, many)
        env.reset(seed=3)
        assert np.array_equal(env.commands, many[0])


def test_without_every_a_command_stays_until_the_episode_ends():
    with built(asked={"every": None}) as env:
        found = history(env, 12)
        assert (found == found[0]).all()
        first = env.reset(mask=np.array([True, False, False]))
        assert (env.commands[0] != found[0, 0]).any() and (env.commands[1:] == found[0, 1:]).all()
        assert first[:, -2:] == pytest.approx(env.commands)


def test_a_policy_sees_a_command_before_it_is_judged_by_it():
    with built(8) as env:
        seen = env.reset().copy()
        changes = 0
        for _ in range(20):
            asked = seen[:, -2:].astype(float)
            assert asked == pytest.approx(env.commands)
            obs, _, dones = env.step(zeros(env))
            speed = np.where(dones, env.final_obs[:, 4], obs[:, 4])
            assert [column.name for column in env.obs_layout[4:5]] == ["root_linvel/forward"]
            assert env.reward_terms["track_speed"] == pytest.approx(
                np.exp(-4.0 * (speed - asked[:, 0]) ** 2), abs=1e-5
            )
            assert env.final_obs[dones, -2:] == pytest.approx(asked[dones])
            changes += np.count_nonzero((obs[:, -2:] != seen[:, -2:]).any(axis=1) & ~dones)
            seen = obs.copy()
        assert changes > 5


def test_the_image_of_a_command_turns_the_other_way():
    with built() as env:
        obs = env.reset()
        assert [(column.name, column.unit) for column in env.obs_layout[-2:]] == [
            *(("command/speed", "m/s"), ("command/yaw_rate", "rad/s"))
        ]
        assert np.array_equal(env.mirror_obs(obs)[:, -2:], obs[:, -2:] * [1.0, -1.0])


def test_a_turning_root_is_rewarded_for_turning_as_it_is_asked():
    with built(2, asked={"standing": 0.0, "yaw_rate": [0.4, 0.4], "every": None}) as env:
        env.reset()
        quantities = env.task.quantities(env._batch)
        (term,) = (term for term in env.task.reward_terms if term.name == "track_yaw_rate")
        assert term({"yaw_rate": np.array([0.4, -0.4]), "commanded_yaw_rate": env.commands[:, 1]}) == (
            pytest.approx([1.0, np.exp(-2.0 * 0.64)])
        )
        assert np.array_equal(quantities["yaw_rate"], quantities["root_angvel"][:, 2])


def test_a_command_that_is_set_stays_until_the_episode_ends_or_it_is_released():
    with built(changes=ENDLESS) as env:
        env.reset()
        obs = env.set_command([0, 2], {"speed": [1.0, 1.25], "yaw_rate": 0.25})
        assert np.array_equal(env.commands[[0, 2]], [[1.0, 0.25], [1.25, 0.25]])
        assert np.array_equal(obs[[0, 2], -2:], np.float32(env.commands[[0, 2]]))
        free = env.commands[1]
        for _ in range(12):
            env.step(zeros(env))
        assert np.array_equal(env.commands[[0, 2]], [[1.0, 0.25], [1.25, 0.25]])
        assert (env.commands[1] != free).any()
        env.set_command([0], None)
        released = env.commands[0]
        assert (released != [1.0, 0.25]).any()
        for _ in range(12):
            env.step(zeros(env))
        assert (env.commands[0] != released).any() and env.commands[2, 0] == 1.25
        env.reset()
        assert env.commands[2, 0] != 1.25


def test_one_column_that_is_set_holds_its_whole_command_and_no_other(tmp_path: Path):
    (tmp_path / "own.py").write_text(
        "from batchenv import command_term\n@command_term()\ndef own(draw): return draw(1)[:, 0]\n"
    )
    key = f"environment.commands.{tmp_path}/own.py:own"
    with built(1, changes=ENDLESS | {key: {"every": [0.1, 0.1]}}) as env:
        assert [column.name for column in env.command_layout] == ["speed", "yaw_rate", "own"]
        env.reset()
        before = env.commands
        env.set_command([0], {"speed": 1.0})
        for _ in range(12):
            env.step(zeros(env))
        assert np.array_equal(env.commands[0, :2], [1.0, before[0, 1]])
        assert env.commands[0, 2] != before[0, 2]


@pytest.fixture(scope="module")
def pair() -> Iterator[BatchEnv]:
    with built(2) as env:
        env.reset()
        yield env


@pytest.mark.parametrize(
    ("ids", "values", "message"),
    [
        ([0], {"sped": 1.0}, "there is no command 'sped'. Did you mean 'speed'.* There are: speed, yaw_rate"),
        ([0], {3: 1.0}, "there is no command 3. There are"),
        ([0], {}, "commands are {}; expected a mapping of names to values"),
        ([0], 1.0, "commands are 1.0; expected a mapping"),
        ([0, 1], {"speed": [1.0]}, r"command 'speed' has shape \(1,\).*for each world, \(2,\)"),
        ([0], {"speed": "fast"}, "command 'speed' has shape .* expected a number"),
        ([0], {"speed": True}, "dtype bool; expected a number"),
        ([0, 1], {"speed": 1.0, "yaw_rate": [0.0, np.nan]}, "command 'yaw_rate' is nan; expected a finite"),
        ([0], {"speed": 1e30}, "is 1e[+]30; expected a finite number of at most"),
        ([9], {"speed": 1.0}, "ids are"),
    ],
)
def test_a_command_that_cannot_be_set_changes_nothing(pair: BatchEnv, ids: Any, values: Any, message: str):
    before = pair.commands
    with pytest.raises(InputError, match=message):
        pair.set_command(ids, values)
    assert np.array_equal(pair.commands, before) and not pair._commands.held.any()


def test_commands_are_set_after_a_reset_and_where_there_are_some():
    with built(1) as env, pytest.raises(UsageError, match="before all worlds were reset"):
        env.set_command([0], {"speed": 1.0})
    with BatchEnv("torque", 1, 1, seed=0) as env:
        env.reset()
        assert env.commands.shape == (1, 0)
        for values in ({"speed": 1.0}, None):
            with pytest.raises(UsageError, match="there are no commands: list some in environment.commands"):
                env.set_command([0], values)


def test_a_snapshot_holds_commands_and_the_times_of_their_drawing():
    with built() as env:
        env.reset()
        env.set_command([1], {"speed": 1.0})
        for _ in range(3):
            env.step(zeros(env))
        snapshot = env.snapshot()

        def later() -> list[np.ndarray]:
            return [env.step(zeros(env))[0].copy() for _ in range(15)]

        first = later()
        assert np.array_equal(env.restore(snapshot), snapshot.obs)
        assert np.array_equal(later(), first)
        snapshot.commands.drawn[0] = -1
        with pytest.raises(InputError, match="commands.drawn of the snapshot holds numbers below 0"):
            env.restore(snapshot)
        snapshot.commands.drawn[0], snapshot.commands.values[0] = 0, 1e20
        with pytest.raises(InputError, match="commands.values of the snapshot holds numbers beyond 1e"):
            env.restore(snapshot)


def test_an_event_at_the_reset_knows_the_command(tmp_path: Path):
    (tmp_path / "own.py").write_text(
        'from batchenv import event_term\n@event_term("reset")\n'
        "def own(start, batch, ids): start.qvel[:, 2] = batch.commands.values[ids, 0]\n"
    )
    with built(changes={f"environment.events.{tmp_path}/own.py:own": {}}) as env:
        env.reset()
        assert np.array_equal(env.worlds.qvel[:, 2], env.commands[:, 0])


HEAD = "import numpy as np\nfrom batchenv import *\nfrom batchenv.mdp.columns import *\n@command_term{}\n"


@pytest.mark.parametrize(
    ("columns", "body", "message"),
    [
        ("()", "def own(phase): return phase", "'phase' names no quantity. .*batch, draw, ids, task"),
        (
            "()",
            "def own(draw, *, every=1.0): return draw(1)",
            "has a keyword every, which in YAML is how often",
        ),
        ("(vector)", "def own(draw): return draw(2)", r"command 'own' returned shape \(2, 2\), expected 3"),
        (
            "()",
            "def own(draw): return np.nan * draw(1)",
            "command 'own' drew nan for 'own' in world 0; expected",
        ),
        (
            "()",
            "def own(ids): return np.full((len(ids), 1), np.inf, np.float16)",
            "command 'own' drew inf for 'own' in world 0; expected",
        ),
        ("()", "def own(draw, ids): ids[:] = 0; return draw(1)", "'own' raised ValueError: .*read-only"),
        ("()", "def own(draw): return draw", "returned a function"),
        ("(columns('a b'))", "def own(draw): return draw(1)", "a column is called 'a b'; expected letters"),
        ("(columns('speed'))", "def own(draw): return draw(1)", "another column is called 'speed', too"),
        ("(columns('a', units=('m', 's')))", "def own(draw): return draw(1)", "1 columns and 2 units"),
        ("(3)", "def own(draw): return draw(1)", "@command_term.3.: expected columns"),
    ],
)
def test_a_mistake_in_a_command_of_a_users_own_is_named(
    tmp_path: Path, columns: str, body: str, message: str
):
    (tmp_path / "own.py").write_text(f"{HEAD.format(columns)}{body}\n")
    with (
        pytest.raises(BatchEnvError, match=message),
        built(2, changes={f"environment.commands.{tmp_path}/own.py:own": {}}) as env,
    ):
        env.reset()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"commands.walking": {}}, "has no command 'walking'. Did you mean 'walking_velocity'"),
        ({"commands.walking_velocity": {}}, "walking_velocity: needs speed"),
        ({"commands.walking_velocity.speed": [2.0, 1.0]}, r"speed = \(2.0, 1.0\): give two numbers from -20"),
        (
            {"commands.walking_velocity.speed": 1.0},
            "speed = 1.0: give two numbers from -20 to 20, the smaller",
        ),
        ({"commands.walking_velocity.evry": 1.0}, "evry: .*Did you mean 'every'"),
        ({"commands.walking_velocity.again": 2.0}, "again = 2.0: "),
        (
            {"commands.walking_velocity.sped": 1.0},
            "sped: .*Did you mean 'speed'.*again, every, speed, standing",
        ),
        ({"commands": {}}, "'command' names no quantity. List a term in environment.commands"),
    ],
)
def test_a_mistake_in_the_section_is_named(changes: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        built(1, changes={f"environment.{path}": value for path, value in changes.items()})


def test_a_misspelt_quantity_of_a_command_is_named(tmp_path: Path):
    (tmp_path / "own.py").write_text(
        "from batchenv import *\n@reward_term\ndef own(commanded_sped): return 0\n"
    )
    with pytest.raises(ConfigError, match="names no quantity. Did you mean 'commanded_speed'"):
        built(1, changes={f"environment.reward.{tmp_path}/own.py:own": {"weight": 1.0}})


def test_a_term_that_needs_a_command_says_which():
    config = load_config("torque").replace({"environment.reward.track_speed": {"weight": 1.0}})
    with pytest.raises(
        ConfigError, match="names no quantity. List a term with a column speed in environment"
    ):
        BatchEnv(config, 1, 1)


def test_a_term_of_another_task_says_so():
    config = load_config("torque").replace({"environment.reward.com_speed": {"weight": 1.0}})
    with pytest.raises(ConfigError, match="quantity. com_speed is for other tasks, perhaps for command"):
        BatchEnv(config, 1, 1)


def test_a_configuration_with_commands_is_written_and_read_again():
    with built(1) as env:
        text = env.config.to_yaml()
        assert "speed: [0.5, 1.5]" in text and "every: [0.1, 0.3]" in text
        assert load_config(text) == env.config
