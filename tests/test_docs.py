"""Every code block of the README and of docs/ runs as it stands there, commands on less work than they show.

Blocks that need seconds run in `make test-docs`; of the others' commands only the words are parsed here.
"""

import functools
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import batchenv
from batchenv import cli
from tests.documents import ROOT, Block, blocks, pages
from tests.gaitnet_files import gaitnet_data, has_gaitnet_data

LANGUAGES = {"python", "yaml", "xml", "csv", "bash", "text"}
# Programs whose commands are shown, and not checked.
FOREIGN = {"apt-get", "cd", "export", "hostname", "python3", "ray", "source", "tensorboard"}
# Options that make a command brief; the last of two counts.
BRIEF = {
    "train": ["--steps", "1024", "--envs", "16"],
    "bench": ["--envs", "8", "--alternations", "5"],
    "play": ["--seconds", "0.1"],
    "show": ["--seconds", "0.1"],
    "rollout": ["--strides", "2"],
    "evaluate": ["--quick", "--seeds", "2", "--strides", "2", "--seconds", "4"],
    "pretrain-muscles": ["--minutes", "0.02"],
    "compare-coordinators": ["--envs", "2", "--steps", "4"],
    "check-paths": ["--poses", "10"],
}
PAGES = pages()
# Pages whose code the default tests run; that of the others takes too long for them.
QUICK = ("README.md", "docs/concepts.md", "docs/gymnasium.md")


def lines_of(script: str) -> Iterator[list[str]]:
    """Yield the words of each command of a shell script, without its variables and redirections."""
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words:
            end = words.index("&&") if "&&" in words else len(words)
            command, words = words[:end], words[end + 1 :]
            command = command[: command.index(">")] if ">" in command else command
            while command and (re.fullmatch(r"[A-Z_]+=.*", command[0]) or command[0] == "sudo"):
                del command[0]
            if command:
                yield [command[0].removeprefix(".venv/bin/"), *command[1:]]


def check_command(words: list[str]) -> None:
    """Fail where a command names an option, a target, a file or an extra that does not exist."""
    program, *rest = words
    if program == "batchenv":
        cli.main(rest)  # its commands are parsed, see `parsed`
    elif program == "make":
        targets = re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert [w for w in rest if "=" not in w and w not in targets] == [], words
    elif program == "python" and rest[0] != "-m":
        source = (ROOT / rest[0]).read_text()
        options = [word[2:] for word in rest[1:] if word.startswith("--")]
        assert [o for o in options if o not in source and o.replace("-", "_") not in source] == [], words
    elif program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = {extra for found in re.findall(r"\[([\w,]+)\]", " ".join(rest)) for extra in found.split(",")}
        assert named <= set(extras), words
    else:
        assert program in FOREIGN | {"python"}, words


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that do nothing, with the options of the real ones."""

    def idle(command):
        return functools.wraps(command)(lambda *args, **kwargs: None)

    monkeypatch.setattr(cli, "_COMMANDS", tuple(idle(command) for command in cli._COMMANDS))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a page's code."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def run_page(page: str, *, in_full: bool) -> None:
    """Write a page's files, then run its code in their order; `in_full`: slow blocks and commands, too."""
    names: dict[str, object] = {"__name__": "__main__"}
    if has_gaitnet_data() and any(block.note == "GaitNet" for block in blocks(page)):
        Path("data").symlink_to(gaitnet_data())
        for file in gaitnet_data().iterdir():
            Path(file.name).symlink_to(file)
    try:
        files = [block for block in blocks(page) if block.file is not None]
        for block in files:
            Path(block.file).write_text(block.contents)
        for block in files:
            if block.language == "yaml" and not block.skipped:
                batchenv.load_config(block.file)
        for block in blocks(page):
            if block.file is None and not block.skipped and (block.note != "GaitNet" or has_gaitnet_data()):
                run_block(block, names, in_full=in_full)
    finally:
        for value in names.values():
            if isinstance(value, batchenv.BatchEnv):
                value.close()


def run_block(block: Block, names: dict[str, object], *, in_full: bool) -> None:
    where = f"{block.page}:{block.line}"
    if block.language == "yaml" and (in_full or not block.slow):
        batchenv.load_config(block.text)
    elif block.language == "python" and (in_full or not block.slow):
        # Lines of the page, so that a traceback shows them.
        exec(compile("\n" * (block.line - 1) + block.text, ROOT / block.page, "exec"), names)
    elif block.language == "bash" and in_full:
        for program, *rest in lines_of(block.text):
            if program == "batchenv" and "--browser" not in rest:  # which serves until Ctrl-C
                try:
                    cli.main([*rest, *BRIEF.get(rest[0], [])])
                except SystemExit as ending:
                    assert not ending.code, f"{where}: {ending.code}"


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_of_languages_that_the_tests_know(page: str):
    found = blocks(page)
    assert {block.language for block in found} <= LANGUAGES
    lines = (ROOT / page).read_text().splitlines()
    fences = sum(line.lstrip().startswith("```") for line in lines)
    assert fences == 2 * sum(lines[block.line - 2].startswith("```") for block in found), "a hidden block"


@pytest.mark.parametrize("page", PAGES)
def test_python_of_the_page_compiles_and_yaml_is_yaml(page: str):
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, f"{page}:{block.line}", "exec")
        elif block.language == "yaml":
            assert isinstance(yaml.safe_load(block.text), dict)


@pytest.mark.usefixtures("parsed")
@pytest.mark.parametrize("page", PAGES)
def test_commands_of_the_page_have_the_options_that_they_show(page: str):
    for block in blocks(page, "bash"):
        for words in lines_of(block.text):
            check_command(words)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", [page for page in PAGES if page in QUICK])
def test_code_of_the_page_runs(page: str):
    run_page(page, in_full=False)


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", PAGES)
def test_the_whole_page_runs(page: str):
    if page == "docs/gpu.md":
        pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")
    run_page(page, in_full=True)


@pytest.mark.parametrize("page", PAGES)
def test_every_local_link_leads_somewhere(page: str):
    for target in re.findall(r"\]\((?!http|#)([^)#\s]+)", (ROOT / page).read_text()):
        file = (ROOT / page).parent / target
        made = "reference" in target or file.with_suffix(".ipynb").exists()
        assert file.exists() or made, f"{page}: {target}"
