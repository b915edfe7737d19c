"""What MJCF of strangers may ask of the machine."""

import os
from pathlib import Path

import pytest

from batchenv.body.mjcf_file import check_mjcf
from batchenv.body.sources import load_spec
from batchenv.errors import BodyError
from tests.body.small_bodies import biped


def scene(inside: str = "", head: str = "") -> str:
    return f"<mujoco>\n{head}\n<worldbody>\n{inside}\n</worldbody>\n</mujoco>\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


REFUSED = {
    "geoms without number": (
        scene('<replicate count="1000000"><geom size="1"/></replicate>'),
        "a.xml:4: 'replicate' makes more than 10000 elements",
    ),
    "copies of copies": (
        scene('<replicate count="200"><replicate count="200"><geom size="1"/></replicate></replicate>'),
        "a.xml:4: 'replicate' makes more than 10000 elements",
    ),
    "bodies without number": (
        scene('<replicate count="3000"><body><geom size="1"/></body></replicate>'),
        "a.xml:4: 'body' makes more than 2000 elements",
    ),
    "a cloth": (scene('<flexcomp name="f" count="99 99 99"/>'), "a.xml:4: 'flexcomp' makes more than 2000"),
    "numbers of a user": (scene(head='<size nuser_geom="99999999"/>'), "a.xml:2: nuser_geom is 99999999"),
    "keyframes": (scene(head='<size nkey="1e9"/>'), "a.xml:2: nkey is 1000000000; expected at most 10000"),
    "a sensor": (scene(head='<sensor><user dim="1e8"/></sensor>'), "a.xml:2: dim is 100000000"),
    "not a number": (scene(head='<option gravity="0 0 nan"/>'), "a.xml:2: gravity is not a number"),
    "a height field": (
        scene(head='<asset><hfield name="h" nrow="1e6" ncol="1e6"/></asset>'),
        "a.xml:2: nrow x ncol is 1e+12",
    ),
    "a picture": (
        scene(head='<asset><texture builtin="flat" width="9999" height="9999"/></asset>'),
        "a.xml:2: width x height is 99980001",
    ),
    "a mesh": (
        scene(head='<asset><mesh builtin="supersphere" params="9999 1 1"/></asset>'),
        "a.xml:2: params is 9999",
    ),
    "days of simulation": (
        scene(head='<compiler><lengthrange inttotal="1e6" timestep="1e-3"/></compiler>'),
        "a.xml:2: inttotal / timestep is 1000000000",
    ),
    "a plugin": (
        scene(head='<extension><plugin plugin="mujoco.pid"/></extension>'),
        "a.xml:2: a plugin is refused",
    ),
    "entities": (
        f'<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>\n{scene()}',
        "a.xml:1: a document type declaration",
    ),
    "depths": (scene("<body>" * 1000), "a.xml:4: nested too deeply; expected at most 400 levels"),
    "elements": (scene("<a/><b/><c/><d/><e/><f/><g/><h/><i/><j/><k/>" * 9_500), "a.xml:4: too many elements"),
    "another format": ("<robot/>", "a.xml:1: the outermost element is 'robot'; expected 'mujoco'"),
    "a device": (scene(head='<include file="/dev/zero"/>'), "a.xml:2: file '/dev/zero': no regular file"),
    "a secret": (scene(head='<include file="secret"/>'), "secret:1: not XML: syntax error"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_file_that_asks_for_too_much_is_refused_with_its_line(folder: Path, text: str, message: str):
    (folder / "secret").write_text("do not show")
    (folder / "a.xml").write_text(text)
    with pytest.raises(BodyError) as caught:
        load_spec("a.xml")
    assert message in str(caught.value) and "do not show" not in str(caught.value)


@pytest.mark.parametrize("tag", ['<include file="pipe"/>', '<asset><mesh name="m" file="pipe"/></asset>'])
def test_pipe_in_the_place_of_a_file_is_refused_without_waiting(folder: Path, tag: str):
    os.mkfifo("pipe")
    (folder / "a.xml").write_text(scene(head=tag))
    with pytest.raises(BodyError, match=r"a.xml:2: file '.*pipe': no regular file"):
        check_mjcf(Path("a.xml"))


def test_included_files_are_checked_as_well(folder: Path):
    (folder / "part").mkdir()
    (folder / "part" / "b.xml").write_text('<mujocoinclude>\n<size nkey="1e9"/></mujocoinclude>')
    (folder / "a.xml").write_text(scene(head='<include file="part/b.xml"/>'))
    with pytest.raises(BodyError, match=r"part/b.xml:2: nkey is"):
        check_mjcf(Path("a.xml"))


def test_files_that_include_each_other_are_refused(folder: Path):
    (folder / "a.xml").write_text(scene(head='<include file="b.xml"/>'))
    (folder / "b.xml").write_text('<mujoco><include file="a.xml"/></mujoco>')
    with pytest.raises(BodyError, match="already included"):
        load_spec("a.xml")


MODEL = '<mujoco><asset><model name="m" file="{}"/></asset><worldbody><body>{}</body></worldbody></mujoco>'
ATTACH = '<attach model="m" body="b" prefix="p{}"/>'


def test_a_model_that_attaches_itself_is_refused(folder: Path):
    (folder / "a.xml").write_text(MODEL.format("b.xml", ""))
    (folder / "b.xml").write_text(MODEL.format("a.xml", ""))
    for file in ("a.xml", "b.xml"):
        with pytest.raises(BodyError, match=r"includes more than 100 files, or a model itself"):
            check_mjcf(folder / file)


def test_models_that_make_too_much_of_what_they_attach_are_refused(folder: Path):
    body = '<mujoco><worldbody><body name="b"/></worldbody></mujoco>'
    for number in range(12):
        attached = "".join(ATTACH.format(i) for i in range(3))
        (folder / f"{number}.xml").write_text(MODEL.format(f"{number + 1}.xml", attached))
    (folder / "12.xml").write_text(body)
    with pytest.raises(BodyError, match=r"attached models make more than 10000 elements of the kind"):
        check_mjcf(folder / "0.xml")
    check_mjcf(folder / "8.xml")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("folder", "a directory"),
        ("pipe", "no regular file"),
        ("/dev/zero", "no regular file"),
        ("\0", "not exist"),
    ],
)
def test_path_that_is_no_file_is_refused(folder: Path, path: str, message: str):
    (folder / "folder").mkdir()
    os.mkfifo("pipe")
    with pytest.raises(BodyError, match=message):
        load_spec(path)


def test_what_tinyxml_tolerates_is_read(folder: Path):
    odd = '<!-- two -- hyphens and a <size nkey="1e9"> --><geom name="x"type="sphere" size="1"/>'
    (folder / "a.xml").write_text(biped(floor='<geom type="plane" size="0 0 1"/>' + odd))
    assert load_spec("a.xml").geom("x") is not None


def test_markup_that_looks_like_a_comment_hides_nothing(folder: Path):
    for hidden in (
        '<geom name="<!--"/><size nkey="1e9"/><geom name="-->"/>',
        '<![CDATA[ > <!-- ]]><size nkey="1e9"/><!-- -->',
    ):
        (folder / "a.xml").write_text(scene(hidden))
        with pytest.raises(BodyError, match=r"a.xml:4: (nkey is 1000000000|not XML)"):
            check_mjcf(Path("a.xml"))
