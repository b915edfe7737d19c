import json
import sys

import pytest

from batchenv.bench.peers import Peer, installed_peers
from batchenv.cli import main
from batchenv.errors import InputError

NAMES = {"MyoSuite", "EnvPool"}


def test_a_sentence_tells_of_every_peer_that_is_absent():
    versions, absent = installed_peers(sys.executable)
    assert {*versions, *(sentence.split()[0] for sentence in absent)} == NAMES
    for sentence in absent:
        name = sentence.split()[0]
        assert sentence.startswith(
            f"{name} is left out, because {sys.executable} does not have it: pip install"
        )
        assert name not in versions and name.lower() in sentence and sentence.endswith("--peer-python.")


def test_what_is_no_python_is_named():
    with pytest.raises(InputError, match="no/such/python cannot say which peers it has"):
        installed_peers("no/such/python")


def test_a_peer_that_does_not_start_says_why():
    if "EnvPool" in installed_peers(sys.executable)[0]:
        pytest.skip("EnvPool is installed")
    peer = Peer("EnvPool", "1", sys.executable, 1, 1)
    with pytest.raises(InputError, match="EnvPool 1, myoLegWalk-v0 did not step: ModuleNotFoundError"):
        peer.start()
    peer.close()


@pytest.mark.slow
def test_environments_are_measured_at_the_rates_of_the_peers(tmp_path, capsys):
    file = tmp_path / "peers.json"
    words = ["bench", "walk", "--peers", "--envs", "2", "--threads", "1", "--alternations", "5", "--json"]
    main([*words, str(file)])
    first, second = json.loads(file.read_text())["rows"][:2]
    assert (first["name"], first["cpu_ratio"]) == ("batchenv, walk (muscle)", 1.0)
    assert first["computes"] == "80 muscles, 10 x 1 ms; excitations; paths mujoco"
    assert second["computes"] == "80 muscles, 10 x 1 ms; joint targets, static_optimization; paths mujoco"
    assert capsys.readouterr().out.count("\n|") >= 3
