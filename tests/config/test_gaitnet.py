"""GaitNet's own configurations: recognised, completed, and refused where they are invalid."""

from pathlib import Path

import pytest

from batchenv import load_config
from batchenv.config import GaitNetConfig
from batchenv.errors import ConfigError
from tests.config.helpers import minimal
from tests.gaitnet_files import gaitnet_data

FILES = ("base.xml", "ground.xml", "walk.h5", "muscles.xml")
CONFIG = """
training: {max_epoch: 10, checkpoint_freq: 5, num_envs: 4, num_steps_per_env: 8}
environment:
  skeleton: {file: "@data/skeleton/base.xml", actuator: mass_lower, kp: 200, damping: 0.1}
  ground: {file: "@data/ground.xml"}
  motion: {type: h5, file: "@data/motion/walk.h5", cyclic: true}
  muscle: {file: "@data/muscle/muscles.xml", pose_optimization: {enabled: true, rot: one_foot}}
  simulation: {sim_hz: 480, control_hz: 30}
  action: {scale: 0.04, time_warping: -1}
  advanced: {learning_std: false, torque_clipping: false, soft_phase_clipping: false, stance_learning: false}
  reward: {type: gaitnet, knee_pain: {use: false, termination: false, use_max: false}}
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).write_text("")
    return tmp_path


def test_flat_data_directory_holds_files_of_nested_names(data: Path):
    config = load_config(CONFIG, data)
    assert isinstance(config, GaitNetConfig)
    assert config.environment.skeleton.file == str(data / "base.xml")


def test_nested_file_goes_before_a_flat_one(data: Path):
    (data / "skeleton").mkdir()
    (data / "skeleton" / "base.xml").write_text("")
    assert load_config(CONFIG, data).environment.skeleton.file == str(data / "skeleton" / "base.xml")


def test_file_in_no_layout_is_missed_with_a_way_out():
    with pytest.raises(
        ConfigError, match="no data directory has skeleton/base.xml .* None has a file base.xml either"
    ):
        load_config(CONFIG)


def test_configuration_means_the_same_when_written_and_read_again(data: Path):
    config = load_config(CONFIG, data)
    again = load_config(config.to_yaml())
    assert isinstance(again, GaitNetConfig) and again == config
    assert config.replace({"Horizon": 7}) != config


def test_epochs_and_checkpoints_are_put_into_our_words(data: Path):
    training = load_config(CONFIG, data).training
    assert training.steps == 10 * 4 * 8 and training.checkpoint_iterations == 5 and not training.learn_std
    learning = load_config(CONFIG.replace("learning_std: false", "learning_std: true"), data)
    assert learning.training.learn_std


def test_keys_without_effect_are_told(data: Path):
    remarks = load_config(CONFIG, data).remarks
    for key in ("muscle.pose_optimization", "skeleton.kp", "skeleton.damping"):
        assert any(remark.startswith(f"environment.{key} has no effect") for remark in remarks)
    assert not any("skeleton.kv" in remark for remark in remarks)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "sim_hz: 480",
            "sim_hz: 481",
            "environment.simulation.sim_hz = 481: give a multiple of control_hz = 30",
        ),
        ("learning_std", "learning_sdt", "Did you mean 'learning_std'"),
        ("max_epoch: 10", "max_epoch: 0", "training.max_epoch = 0: give a whole number of at least 1"),
        ("max_epoch: 10", "symmetry: true", "samples are from one half of a cycle already"),
        (
            "max_epoch: 10",
            "learn_std: true",
            "training.learn_std: says the same as environment.advanced.learning_std",
        ),
        ("max_epoch: 10", "max_epoch: 10, steps: 3", "training.max_epoch: says the same as training.steps"),
        ("torque_clipping: false", "torque_clipping: true", "GaitNet's own program ends where it is true"),
        ("time_warping: -1", "time_warping: -0.5", "give a number from 0 to below 1, or -1"),
        ("rot: one_foot", "rot: no_foot", "give 'one_foot' or 'mid_feet'"),
        ("muscles.xml", 'muscles.xml", model: "hill', "give 'mass' or 'mujoco'"),
        ("  simulation:", "  cascading: {use: true}\n  simulation:", "environment.muscle.network.cascaded"),
        (
            "type: gaitnet",
            "type: gaitnet, locomotion: {avg_vel: {clip: 1}, avg_vel_weight: 6}",
            "environment.reward.locomotion.avg_vel is there, too; give avg_vel.weight instead",
        ),
        (
            "type: gaitnet",
            "type: gaitnet, locomotion: {avg_vel_wieght: 6}",
            "locomotion.avg_vel_wieght = 6: there is no such key.",
        ),
        ("  simulation:", "  parameters: {torsoin: {x: 1}}\n  simulation:", "Did you mean 'torsion'"),
        ("simulation: {sim", "muscles: {x: 1}\n  simulation: {sim", "Did you mean 'muscle'"),
        ("learning_std", "quirsk", "Did you mean 'quirks'"),
        ("training:", "trainin: {}\ntraining:", "Did you mean 'training'"),
    ],
)
def test_what_is_invalid_is_refused_with_a_sentence(data: Path, old: str, new: str, message: str):
    assert old in CONFIG
    with pytest.raises(ConfigError) as error:
        load_config(CONFIG.replace(old, new, 1), data)
    assert message in str(error.value)


def test_keys_that_the_original_lacks_are_not_suggested_for_its_words(data: Path):
    text = CONFIG.replace("muscles.xml", 'muscles.xml", net_mode: "x')
    with pytest.raises(ConfigError) as error:
        load_config(text, data)
    assert "net_mode" in str(error.value) and "Did you mean" not in str(error.value)


def test_walk_is_no_configuration_of_gaitnet():
    assert not isinstance(load_config("walk"), GaitNetConfig)
    assert not isinstance(load_config(minimal()), GaitNetConfig)


def test_every_key_of_the_original_s_configuration_is_understood():
    data = gaitnet_data()
    config = load_config(data / "A2_sep.yaml", data)
    assert isinstance(config, GaitNetConfig)
    assert config.environment.reward.metabolic.weight == 0.03 and config.Horizon == 600
    assert config.environment.action.time_warping == 0.001


def test_old_flat_keys_are_read_as_the_sections_of_newer_files(data: Path):
    flat = "avg_vel_weight: 5, avg_vel_consider_x: true, step_weight: 3, drag_x: true, drag_x_threshold: 0.2"
    text = CONFIG.replace(
        "type: gaitnet", f"type: gaitnet, locomotion: {{{flat}}}, metabolic: {{torque_coeff: 1}}"
    )
    reward = load_config(text, data).environment.reward
    asked = reward.locomotion
    assert (asked.avg_vel.weight, asked.avg_vel.consider_x, asked.step.weight) == (5, True, 3)
    assert (asked.dragX.use, asked.dragX.threshold, reward.metabolic.torque.coeff) == (True, 0.2, 1)


def test_defaults_are_the_original_s(data: Path):
    config = load_config(CONFIG.replace("sim_hz: 480, ", ""), data)
    advanced, reward, metabolic = (
        config.environment.advanced,
        config.environment.reward,
        config.environment.reward.metabolic,
    )
    assert not advanced.enforce_symmetry and not advanced.hard_phase_clipping
    assert advanced.use_normalized_param_state and not config.environment.muscle.use_joint_state
    assert config.environment.simulation.sim_hz == 600 and reward.eoe_type == "time"
    assert (metabolic.type, metabolic.multiplicative) == ("LEGACY", False)
    assert (metabolic.torque.coeff, metabolic.torque.separate) == (0.0, False)
    assert not reward.locomotion.avg_vel.consider_x and reward.knee_pain.max_weight == 1.0


def test_keys_that_ask_for_what_does_not_happen_are_told(data: Path):
    text = CONFIG.replace("cyclic: true", "cyclic: false, height_calibration: {enabled: false}")
    text = text.replace("stance_learning: false", "stance_learning: true")
    text = text.replace("use_max: false", "use_max: false, multiplicative: false, scale: 0")
    remarks = load_config(text, data).remarks
    for key in (
        *("motion.cyclic", "motion.height_calibration", "advanced.stance_learning"),
        *("reward.knee_pain.multiplicative", "reward.knee_pain.scale"),
    ):
        assert any(f"environment.{key} has no effect, as in the original" in remark for remark in remarks)


def test_keys_that_the_original_reads_nothing_from_are_told_and_dropped(data: Path):
    text = CONFIG.replace(
        "  simulation:", "  parameters: {muscle_length: {L_Soleus: {min: 0.8}}}\n  simulation:"
    )
    config = load_config(f"author: somebody\n{text}", data)
    for key in ("author", "environment.parameters.muscle_length"):
        assert f"{key} has no effect, as in the original: nothing is read from it." in config.remarks
    assert config == load_config(CONFIG, data) and "author" not in config.to_yaml()


def test_environment_in_xml_is_read_as_yaml(data: Path):
    text = """<skeleton defaultKp="200" defaultKv="40" actuator="mass" damping="0.1">@data/base.xml</skeleton>
<muscle>@data/muscles.xml</muscle> <!-- a -- b -->
<h5>@data/walk.h5</h5><rewardType>gaitnet</rewardType><useJointState>true</useJointState>
<AvgVelWeight>5</AvgVelWeight><Horizon>7</Horizon>
<parameter><gait><stride min="0.75" max="1.25" default="1.0" sampling="uniform"/></gait>
<skeleton><FemurL min="0.9" max="1.0"/></skeleton></parameter>
"""
    config = load_config(text, data)
    assert isinstance(config, GaitNetConfig) and config.Horizon == 7
    environment = config.environment
    assert environment.skeleton.actuator == "mass" and environment.reward.locomotion.avg_vel.weight == 5
    assert set(environment.parameters.by_name) == {"stride", "skeleton.FemurL"}
    assert environment.parameters.skeleton["FemurL"].sampling == "ends"
    with pytest.raises(
        ConfigError, match="<rewordType>: there is no such element. Did you mean 'rewardType'"
    ):
        load_config(text.replace("rewardType", "rewordType"), data)
