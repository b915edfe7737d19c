import os

import pytest

from batchenv.body.gaitnet.document import read_document
from batchenv.errors import BodyError

BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [
  <!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">
]>
<Skeleton name="&c;"/>
"""


def refused(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(BodyError) as caught:
        read_document(file)
    assert str(caught.value).startswith(f"{file}:")
    return str(caught.value).removeprefix(f"{file}:")


def test_elements_know_their_line_and_their_values(tmp_path):
    file = tmp_path / "a.xml"
    file.write_text('<!-- words -->\n<Skeleton name="S">\n <Node\n name="N" x="1 2"/>\n</Skeleton>')
    root = read_document(file)
    assert (root.tag, root.line, root.values) == ("skeleton", 2, {"name": "S"})
    assert root.one("node").line == 3
    assert root.one("node").numbers("x", 2).tolist() == [1, 2]


def test_lists_of_yaml_are_values_or_children(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("a: [[1, 2], [3, 4]]\nb:\n  - {c: 5}\n  - {c: 6}\nd: [[{e: 1}, {e: 2}], [{e: 3}]]\n")
    root = read_document(file)
    assert root.values["a"] == "1 2 3 4"
    assert [(b.line, b.values["c"]) for b in root.all("b")] == [(3, "5"), (4, "6")]
    assert [[e.values["e"] for e in d.children] for d in root.all("d")] == [["1", "2"], ["3"]]


def test_an_entity_bomb_is_refused(tmp_path):
    assert refused(tmp_path, "a.xml", BOMB).startswith("2: a document type declaration")


def test_an_external_entity_is_refused_and_not_read(tmp_path):
    (tmp_path / "secret").write_text("do not show")
    text = f'<!DOCTYPE s [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>\n<Skeleton>&e;</Skeleton>'
    message = refused(tmp_path, "a.xml", text)
    assert message.startswith("1: a document type declaration, which may define entities, is refused;")
    assert "do not show" not in message


def test_an_external_document_type_is_refused(tmp_path):
    assert refused(tmp_path, "a.xml", '<!DOCTYPE s SYSTEM "http://127.0.0.1/x.dtd">\n<s/>').startswith(
        "1: a document"
    )


def test_an_alias_of_yaml_is_refused(tmp_path):
    text = "a: &a [1, 1]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    assert refused(tmp_path, "a.yaml", text) == "2: not YAML: an alias is refused; write the value out."


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.xml", "<a>\n<b></a>", "2: not XML: mismatched tag"),
        ("a.xml", "", "1: not XML: no element found"),
        ("a.xml", "mujoco", "1: not XML: syntax error"),
        ("a.xml", "<a>" * 401, "1: nested too deeply; expected at most 400 levels."),
        ("a.xml", "<a>" + "<b/>" * 100_000, "1: too many elements; expected at most 100000."),
        ("a.xml", '<?xml version="1.0" encoding="klingon"?><a/>', "1: not XML: unknown encoding"),
        ("a.yaml", "a: 1\nb: [1\n", "3: not YAML: expected ',' or ']'"),
        ("a.yaml", "a: 1\nb: 2\na: 3\n", "3: the key 'a' appears twice."),
        ("a.yaml", "- 1\n", "1: expected a mapping of keys to values."),
        ("a.yaml", "? [1]\n: 2\n", "1: a key has to be text."),
        ("a.yaml", "[" * 5000, "1: nested too deeply to be read."),
    ],
)
def test_text_that_is_neither_is_refused_with_its_line(tmp_path, name, text, message):
    assert refused(tmp_path, name, text).startswith(message)


@pytest.mark.parametrize("suffix", [".xml", ".yaml"])
def test_paths_that_are_no_files_are_refused_without_waiting(tmp_path, suffix):
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"folder{suffix}").mkdir()
    (tmp_path / f"large{suffix}").write_bytes(b" " * 4_000_001)
    for name, message in (("pipe", "no regular file"), ("folder", "a directory"), ("large", "larger than")):
        with pytest.raises(BodyError, match=f"{name}{suffix}: {message}"):
            read_document(tmp_path / f"{name}{suffix}")


def test_another_file_is_not_included(tmp_path):
    (tmp_path / "secret").write_text("<do_not_show/>")
    file = tmp_path / "a.xml"
    file.write_text('<s xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="secret"/></s>')
    assert [child.tag for child in read_document(file).children] == ["xi:include"]


def test_a_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "base.xml").touch()
    with pytest.raises(BodyError, match=r"bas.xml: No such file or directory. Did you mean 'base.xml'\?"):
        read_document(tmp_path / "bas.xml")
