import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from batchenv.errors import InputError
from batchenv.evaluate.gait_cycles import find_cycles
from batchenv.evaluate.judge import Report, judge
from batchenv.evaluate.plots import figures, to_bytes
from batchenv.evaluate.recording import save_npz
from batchenv.evaluate.report import write_report
from tests.evaluate.synthetic_walk import falling_walk, human_walk

VOID = {"meta", "img"}


class Page(HTMLParser):
    """Collects what a page links to, its text, and whether its tags nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.rows: list[str | None] = []
        self.open: list[str] = []
        self.said = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.links += [value for key in ("src", "href") if (value := values.get(key))]
        if tag == "tr":
            self.rows.append(values.get("class"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data


@pytest.fixture(scope="module")
def report() -> Report:
    return judge(
        human_walk(episodes=2, noise=1.5),
        name="<walk>",
        push_n=120.0,
        robustness={"ground friction": {"0.3": 0.9, "1.0": 1.0}, "mass": {"-20 %": 1.0}},
    )


@pytest.fixture(scope="module")
def page(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Page:
    numbers, html = write_report(report, tmp_path_factory.mktemp("report") / "new" / "folder")
    assert json.loads(numbers.read_text()) == report.numbers
    return Page(html.read_text())


def test_page_is_well_formed_and_fetches_nothing(page: Page):
    assert page.open == []
    assert len(page.links) == 6
    assert all(link.startswith("data:image/svg+xml;base64,") for link in page.links)


def test_page_escapes_the_name(page: Page):
    assert "<walk>: a walk judged against humans" in page.said


def test_page_marks_each_target_as_met_or_not(tmp_path: Path):
    report = judge(human_walk(root_pos=human_walk().root_pos * 0.8, joint_torque=None))
    page = Page(write_report(report, tmp_path)[1].read_text())
    marks = [mark for mark in page.rows if mark]
    assert marks.count("bad") == sum(v.passed is False for v in report.verdicts) == 1
    assert marks.count("good") == sum(v.passed is True for v in report.verdicts)
    assert "falls short" in page.said


def test_a_page_says_what_was_not_measured(tmp_path: Path):
    walk = human_walk(joint_torque=None, activation=None)
    page = Page(write_report(judge(walk), tmp_path)[1].read_text())
    assert "\N{EN DASH}" not in page.said and page.said.count("not measured") >= 4
    assert "Not measured: no pushes, no slippery ground" in page.said
    assert all(link.startswith("data:") for link in page.links)


def test_report_of_a_faller_renders_and_says_so(tmp_path: Path):
    page = Page(write_report(judge(falling_walk(), name="faller"), tmp_path)[1].read_text())
    assert page.open == []
    assert page.links == []
    assert "The walker fell in 2 of 2 episodes" in page.said
    assert "No gait cycle could be cut" in page.said
    assert "nan" not in page.said.lower().replace("not measured", "")
    assert "falls short" in page.said


def test_figures_are_reproducible_bytes(report: Report):
    made = figures(report)
    assert set(made) == {"angles", "grf", "moments", "muscles", "metabolic", "robustness"}
    assert to_bytes(made["angles"]) == to_bytes(figures(report)["angles"])
    assert to_bytes(made["grf"], "png", dpi=40).startswith(b"\x89PNG")


@pytest.mark.parametrize("thing", [None, 5, "walk.npz", {"dt": 0.1}])
def test_what_is_no_recording_and_no_report_is_refused(tmp_path, monkeypatch, thing):
    monkeypatch.chdir(tmp_path)
    for refuse in (judge, find_cycles, lambda recording: save_npz(recording, "x.npz")):
        with pytest.raises(InputError, match=r"is no Recording; load_recording and from_arrays return one"):
            refuse(thing)
    with pytest.raises(InputError, match="is no Report; judge returns one"):
        write_report(thing, "out")
    assert not list(tmp_path.iterdir())
