"""A walker's folder for a hub is a walker again."""

import json

import numpy as np
import pytest
import yaml

from batchenv.errors import InputError
from batchenv.evaluate.hub_folder import save_hub_folder
from batchenv.evaluate.walker import load_walker


def front_of(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


@pytest.mark.parametrize("name", ["walk", "walk_muscle_nn"])
def test_a_folder_is_the_walker_again(name, tmp_path):
    folder = save_hub_folder(name, tmp_path / "mine")
    files = {file.name for file in folder.iterdir()}
    expected = {"README.md", "config.yaml", "policy.safetensors", "evaluation.json", "SOURCES.md", "LICENSE"}
    assert files == expected | ({"muscle_network.npz"} if name == "walk_muscle_nn" else set())
    again, walker = load_walker(folder), load_walker(name)
    obs = np.ones(len(walker.policy.mean))
    assert np.array_equal(again.policy(obs), walker.policy(obs))
    assert again.config.training == walker.config.training
    assert again.config.environment.reward == walker.config.environment.reward


def test_the_card_has_what_the_evaluation_found(tmp_path):
    card = (save_hub_folder("walk", tmp_path / "mine") / "README.md").read_text()
    front = front_of(card)
    assert front["license"] == "apache-2.0" and front["library_name"] == "batchenv"
    metrics = {metric["type"]: metric["value"] for metric in front["model-index"][0]["results"][0]["metrics"]}
    assert metrics["speed_m_s"] == pytest.approx(1.226, abs=1e-3)
    assert "| walking speed [m/s] | 1.23 | 1.18 to 1.30 |  |" in card
    assert "20 walks, 400 s and 601 strides in all." in card
    assert "| `policy.safetensors` |" in card and "muscle_network" not in card


def test_another_report_and_licence_are_those_of_the_card(tmp_path):
    numbers = json.loads((save_hub_folder("walk", tmp_path / "a") / "evaluation.json").read_text())
    numbers |= {"speed_m_s": 0.5, "mean_activation": None}
    (tmp_path / "report.json").write_text(json.dumps(numbers))
    folder = save_hub_folder("walk", tmp_path / "b", tmp_path / "report.json", "cc-by-4.0")
    card = (folder / "README.md").read_text()
    assert "| walking speed [m/s] | 0.50 | 1.18 to 1.30 | falls short |" in card
    assert "| mean activation | - | at most 0.120 | not measured |" in card
    assert front_of(card)["license"] == "cc-by-4.0" and not (folder / "LICENSE").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"completed": "x"}', "[" * 100_000])
def test_what_is_no_report_is_refused_before_anything_is_written(text, tmp_path):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(InputError, match=r"report.json is no report.json of `batchenv evaluate`"):
        save_hub_folder("walk", tmp_path / "mine", tmp_path / "report.json")
    with pytest.raises(InputError, match="expected a name of the hub"):
        save_hub_folder("walk", tmp_path / "mine", license_name="mine: all mine")
    assert not (tmp_path / "mine").exists()
