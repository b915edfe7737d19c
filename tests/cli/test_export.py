import pytest

from batchenv.cli import main


def test_a_walker_is_written_as_onnx_and_as_a_folder(tmp_path, capsys):
    pytest.importorskip("onnxruntime", reason="pip install 'batchenv[export]'")
    main(["export", "walk", "--onnx", str(tmp_path / "w.onnx"), "--hub", str(tmp_path / "mine")])
    printed = capsys.readouterr().out
    assert "w.onnx: actions of onnxruntime differ from the policy's by" in printed
    assert (tmp_path / "w.onnx").stat().st_size > 100_000
    assert (tmp_path / "mine" / "README.md").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to write: add --onnx FILE.onnx, or --hub DIRECTORY"),
        (["--hub", "/dev/null"], "/dev/null is not a directory"),
    ],
)
def test_what_cannot_be_written_is_refused(words, message):
    with pytest.raises(SystemExit, match=message):
        main(["export", "walk", *words])
