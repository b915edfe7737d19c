import pytest

from batchenv.body.yaml_file import read_yaml_file
from batchenv.errors import InputError


def test_any_value_is_read(tmp_path):
    (tmp_path / "Größe 1.yaml").write_text("- {a: 1e-3}\n")
    assert read_yaml_file(tmp_path / "Größe 1.yaml") == [{"a": 1e-3}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "a.yaml: No such file"),
        (b"\xff\xfe", "a.yaml: it is not text in UTF-8"),
        (b"a: [", "a.yaml is not YAML"),
        (b"#" * 1_000_001, "a.yaml: larger than 1 MB"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_yaml_file(tmp_path / "a.yaml")


def test_a_directory_is_no_yaml_file(tmp_path):
    with pytest.raises(InputError, match="a directory"):
        read_yaml_file(tmp_path)
