"""Generate the pages of the site that are not written by hand: configuration, commands, notebooks.

python scripts/generate_docs.py            # writes into docs/; `make docs` runs it
"""

import contextlib
import inspect
import io
import math
import re
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from unittest import mock

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from batchenv.cli import main
from batchenv.config import GaitNetConfig
from batchenv.config.load import Config
from batchenv.mdp import actions, commands, events, observations, rewards, terminations
from batchenv.mdp.marks import mark_of

DOCS = Path(__file__).parents[1] / "docs"

TERMS = {
    "Rewards": (rewards, "environment.reward"),
    "Observations": (observations, "environment.observation.terms"),
    "Terminations": (terminations, "environment.termination.terms"),
    "Events": (events, "environment.events"),
    "Commands": (commands, "environment.commands"),
    "Actions": (actions, "environment.action.term"),
}


def configuration() -> str:
    """Return the reference of all configuration keys and shipped terms."""
    lines = [
        "# Configuration",
        "",
        "Every key of a configuration, generated from the models that validate it. Units stand in brackets; "
        "`[1]` is a number without a unit. Unknown keys, wrong types and values out of bounds are refused. "
        "`batchenv check NAME` prints a configuration with every default filled in.",
        "",
        "On the command line, `--set KEY=VALUE` overrides one key by its full path, such as "
        "`--set environment.episode.max_seconds=5`.",
        "",
    ]
    lines += [line for name in ("environment", "training") for line in _section_of(Config, name)]
    lines += ["## Shipped terms", ""]
    for title, (module, path) in TERMS.items():
        lines += [f"### {title}", "", f"For `{path}`.", "", *_term_table(module), ""]
    lines += [
        "## GaitNet's configurations",
        "",
        "Files in GaitNet's own format have these keys; see [GaitNet's own world](../gaitnet.md).",
        "",
    ]
    lines += [
        line
        for name in ("environment", "training")
        for line in _section_of(GaitNetConfig, name, prefix="gaitnet: ", level=3)
    ]
    return "\n".join(lines) + "\n"


def _section_of(model: type[BaseModel], name: str, prefix: str = "", level: int = 2) -> Iterator[str]:
    yield from _section(name, _model_in(model.model_fields[name].annotation), prefix, level)


def _section(path: str, model: Any, prefix: str, level: int) -> Iterator[str]:
    """Yield the heading and table of a section, then those of the sections in it."""
    yield from (f"{'#' * level} {prefix}{path}", "", inspect.cleandoc(model.__doc__ or ""), "")
    inner, rows = [], []
    for key, field in model.model_fields.items():
        if (found := _model_in(field.annotation)) is not None:
            inner.append((f"{path}.{key}{'.NAME' if _is_mapping(field.annotation) else ''}", found))
            if not _is_mapping(field.annotation):
                continue
        rows.append(f"| `{key}` | {_type(field)} | {_default(field)} | {_text(field.description or '')} |")
    if rows:
        yield from ("| key | type | default | meaning |", "|---|---|---|---|", *rows, "")
    for name, found in inner:
        yield from _section(name, found, prefix, level)


def _model_in(annotation: Any) -> Any:
    """Return the section that a type holds, itself or as the values of a mapping; None for other types."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)


def _is_mapping(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _is_mapping(get_args(annotation)[0])
    return get_origin(annotation) is dict


def _type(field: FieldInfo) -> str:
    bounds = _bounds(field.metadata)
    return _text(_type_name(field.annotation) + (f", {bounds}" if bounds else ""))


def _type_name(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        bounds = _bounds(parts[1:])
        return _type_name(parts[0]) + (f", {bounds}" if bounds else "")
    if origin is Literal:
        return " | ".join(f"`{each}`" for each in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(_type_name(each) for each in parts)
    if origin is tuple:
        return "list of " + _type_name(parts[0])
    if origin is dict:
        terms = get_origin(parts[1]) is dict
        return (
            "terms with their keywords"
            if terms
            else f"mapping of {_type_name(parts[0])} to {_type_name(parts[1])}"
        )
    plain = {str: "text", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    return plain.get(annotation, "section" if _model_in(annotation) else getattr(annotation, "__name__", ""))


def _bounds(metadata: Any) -> str:
    """Return the bounds of a number in words."""
    words = []
    for each in metadata:
        if isinstance(each, annotated_types.Ge):
            words.append(f"at least {_number(each.ge)}")
        elif isinstance(each, annotated_types.Gt):
            words.append(f"above {_number(each.gt)}")
        elif isinstance(each, annotated_types.Le) and abs(float(each.le)) < 1e300:  # type: ignore[arg-type]
            words.append(f"at most {_number(each.le)}")
        elif isinstance(each, annotated_types.Lt):
            words.append(f"below {_number(each.lt)}")
    return ", ".join(word for word in words if "e+308" not in word)


def _number(value: Any) -> str:
    return "pi" if value == math.pi else "-pi" if value == -math.pi else f"{value:,}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel) or value == {}:
        return ""
    return "`" + _yaml(value).replace("|", "\\|") + "`"


def _yaml(value: Any) -> str:
    """Return a value as YAML has it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _text(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def _term_table(module: types.ModuleType) -> Iterator[str]:
    yield from ("| term | quantities | keywords | meaning |", "|---|---|---|---|")
    for name, function in vars(module).items():
        if mark_of(function) is not None and getattr(function, "__module__", "") == module.__name__:
            yield _term_row(name, function)


def _term_row(name: str, function: Callable[..., Any]) -> str:
    parameters = inspect.signature(function).parameters.values()
    hints = typing.get_type_hints(function, include_extras=True)
    given = ", ".join(f"`{p.name}`" for p in parameters if p.kind is not p.KEYWORD_ONLY)
    keywords = ", ".join(
        f"`{p.name}" + ("`" if p.default is p.empty else f": {_yaml(p.default)}`") + _unit(hints.get(p.name))
        for p in parameters
        if p.kind is p.KEYWORD_ONLY
    )
    meaning = re.split(r"\n\s*\n", inspect.getdoc(function) or "")[0]
    return f"| `{name}` | {given} | {keywords} | {_text(meaning)} |"


def _unit(annotation: Any) -> str:
    bounds = _bounds(get_args(annotation)[1:]) if get_origin(annotation) is Annotated else ""
    return f" ({bounds})" if bounds else ""


def commands_page() -> str:
    """Return the page of all commands with the text of their `--help`."""
    lines = [
        "# Commands",
        "",
        "The text that `batchenv COMMAND --help` prints.",
        "",
        "```text",
        _help(),
        "```",
        "",
    ]
    for command in re.findall(r"^ {2,}\W? *([a-z][a-z-]+) {2,}", _help(), re.MULTILINE):
        lines += [f"## batchenv {command}", "", "```text", _help(command), "```", ""]
    return "\n".join(lines)


def _help(*words: str) -> str:
    output = io.StringIO()
    plain = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    with (
        mock.patch.dict("os.environ", plain),
        contextlib.redirect_stdout(output),
        contextlib.suppress(SystemExit),
    ):
        main([*words, "--help"])
    return "\n".join(line.rstrip() for line in output.getvalue().strip().splitlines())


def notebooks(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the Markdown of each notebook, and write the pictures in its outputs beside it."""
    from nbconvert import MarkdownExporter

    for file in sorted(folder.glob("*.ipynb")):
        stem = {"unique_key": file.stem, "output_files_dir": f"{file.stem}_files"}
        text, resources = MarkdownExporter().from_filename(str(file), resources=stem)
        for name, content in resources["outputs"].items():
            picture = folder / name
            picture.parent.mkdir(exist_ok=True)
            picture.write_bytes(content)
        text = text.replace(".ipynb)", ".md)").rstrip()
        yield file.with_suffix(".md"), f"{text}\n\nThis page is the notebook `docs/notebooks/{file.name}`.\n"


def generate(docs: Path = DOCS) -> None:
    """Write all generated pages."""
    reference = docs / "reference"
    reference.mkdir(exist_ok=True)
    (reference / "configuration.md").write_text(configuration(), encoding="utf-8")
    (reference / "commands.md").write_text(commands_page(), encoding="utf-8")
    for page, text in notebooks(docs / "notebooks"):
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    generate()
