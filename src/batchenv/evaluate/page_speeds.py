"""The part of a report's page that sets walks beside humans at the same speed."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from batchenv.evaluate.by_speed import AtSpeed
from batchenv.evaluate.norms import curve_units
from batchenv.evaluate.targets import Verdict

NOTHING = "not measured"  # shown where a number is missing
_SOURCE = (
    "Humans: Schwartz, Rozumalski, Trost, J Biomech 41:1639 (2008), interpolated at the walker's"
    " dimensionless speed, v / sqrt(g l) with the length l of its leg. They are children, whose moments"
    " per kilogram are smaller than those of adults. Tilt of the pelvis and flexion of the hip are measured"
    " along the iliac spines, by which the pelvis of humans is tilted forward by about 12 degrees."
)
_MEASURES = {
    "cadence_steps_min": ("cadence", "steps/min", 0),
    "step_length_m": ("step length", "m", 3),
    "stance_percent": ("stance", "% of cycle", 1),
    "double_support_percent": ("double support, both phases", "% of cycle", 1),
    "opposite_foot_off_percent": ("other foot off", "% of cycle", 1),
    "opposite_foot_contact_percent": ("other foot on", "% of cycle", 1),
    "peak1_bw": ("vertical force, first peak", "BW", 2),
    "valley_bw": ("vertical force, valley", "BW", 2),
    "peak2_bw": ("vertical force, second peak", "BW", 2),
    "braking_bw": ("largest braking force", "BW", 2),
    "propulsive_bw": ("largest propulsive force", "BW", 2),
}
_SHAPE = {
    "spike_bw": ("spike in the first 5 % of stance", "BW", 2),
    "dip_bw": ("dip after the spike", "BW", 2),
    "peak1_percent": ("first hump at", "% of cycle", 0),
    "valley_percent": ("valley at", "% of cycle", 0),
    "peak2_percent": ("second hump at", "% of cycle", 0),
}


def speed_sections(
    by_speed: Sequence[AtSpeed], followed: Mapping[str, str] | None, figures: Iterable[str]
) -> list[tuple[str, str]]:
    """Return titles and contents of the sections.

    Args:
        by_speed: walks; without any there is no section.
        followed: what the policy was asked to follow; None where it is not known.
        figures: HTML of the figures, shown below the table of targets.
    """
    if not by_speed:
        return []
    asked = (
        "What the policy was asked to follow is not known."
        if followed is None
        else "Grey, with a diamond: a term of the reward asks for it, so that it counts as no pass."
    )
    overview = f"{_targets(by_speed)}{_fine(asked)}{_fine(_SOURCE)}{''.join(figures)}"
    details = "".join(_details(each, followed or {}) for each in by_speed)
    return [
        ("Beside humans at the same speed", overview),
        ("Cost of transport and angular momentum", _economy(by_speed)),
        ("All curves and measures, speed by speed", details),
    ]


def speed_title(each: AtSpeed) -> str:
    """Return what a walk is called: its speed."""
    asked, speed = each.numbers["asked_speed_m_s"], each.numbers["speed_m_s"]
    return f"{asked:g} m/s" if asked is not None else f"{speed:.2f} m/s"


def in_words(curve: str) -> str:
    """Return what a curve of the norms is called in a sentence."""
    return curve.replace("fore_aft", "fore-aft").replace("_", " ")


def _targets(by_speed: Sequence[AtSpeed]) -> str:
    """Rows of targets, columns of speeds; a target of few speeds has empty cells."""
    targets = {verdict.target.label: verdict.target for each in by_speed for verdict in each.verdicts}
    found = [{verdict.target.label: verdict for verdict in each.verdicts} for each in by_speed]
    rows = []
    for label, target in targets.items():
        cells = [_verdict_cell(verdicts.get(label)) for verdicts in found]
        head = f"<td>{escape(label)}</td><td>{escape(target.range)} {escape(target.unit)}</td>"
        rows.append(f"<tr>{head}{''.join(cells)}</tr>")
    walked = [(each.numbers["speed_m_s"], 2) for each in by_speed]
    speeds = "".join(f"<td class=n>{_text(*value)}</td>" for value in walked)
    first = f"<tr><td>walked</td><td>as asked [m/s]</td>{speeds}</tr>"
    return _table(("walker", "human target", *map(speed_title, by_speed)), [first, *rows], 2)


def _verdict_cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return "<td></td>"
    value = NOTHING if verdict.value is None else verdict.shown
    return f'<td class="n {verdict.mark}">{value}{" &#9670;" if verdict.followed else ""}</td>'


def _economy(by_speed: Sequence[AtSpeed]) -> str:
    rows = []
    for each in by_speed:
        numbers = each.numbers
        cost, momentum = numbers["cost"] or {}, numbers["angular_momentum"] or {}
        values = [
            _text(numbers["speed_m_s"], 2),
            _text(cost.get("gross_j_kg_m"), 2),
            _text(numbers["human_cost_j_kg_m"], 2),
            _text(cost.get("muscles_j_kg_m"), 2),
            *(_text(momentum.get(plane), 3) for plane in ("sagittal", "frontal", "transverse")),
        ]
        cells = "".join(f"<td class=n>{value}</td>" for value in values)
        rows.append(f"<tr><td>{speed_title(each)}</td>{cells}</tr>")
    head = (
        "asked",
        "walked [m/s]",
        "cost with rest [J/kg/m]",
        "human",
        "cost of the muscles",
        "angular momentum, sagittal",
        "frontal",
        "transverse",
    )
    said = (
        "Cost: model of Umberger et al. (2003) and 1.2 W/kg at rest; human: Ralston, Int Z Angew"
        " Physiol 17:277 (1958), least at 1.23 m/s. Angular momentum: range over the cycle about the"
        " centre of mass, over mass, speed and length of the leg. Humans keep it small (Herr and"
        " Popovic, J Exp Biol 211:467, 2008); their numbers are missing here, and a body without arms"
        " has none that balance its legs."
    )
    return _table(head, rows, 1) + _fine(said)


def _details(each: AtSpeed, followed: Mapping[str, str]) -> str:
    numbers = each.numbers
    beyond = "" if numbers["humans_measured"] else "; beside the nearest speed at which humans were measured"
    title = (
        f"{speed_title(each)}: {numbers['strides']} strides of {numbers['walks']} walks, dimensionless speed"
        f" {numbers['dimensionless_speed']:.2f}{beyond}"
    )
    body = _curve_table(each, followed) + _measure_table(each, followed) + _shape_table(each)
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def _curve_table(each: AtSpeed, followed: Mapping[str, str]) -> str:
    marks = {verdict.target.path: verdict.mark for verdict in each.verdicts}
    rows = []
    for name, found in each.numbers["curves"].items():
        label = f"<td>{escape(in_words(name))} [{escape(curve_units()[name])}]</td>"
        asked = f"<td>{escape(followed.get(name, ''))}</td>"
        if found is None:
            rows.append(f"<tr>{label}{asked}<td class=n>{NOTHING}</td></tr>")
            continue
        digits = 1 if curve_units()[name] == "deg" else 2
        values = [
            ("", f"{_text(found['low'], digits)} to {_text(found['high'], digits)}"),
            ("", f"{_text(found['human_low'], digits)} to {_text(found['human_high'], digits)}"),
            ("r", _text(found["r"], 2)),
            ("rmse", _text(found["rmse"], digits)),
            ("rmse_sd", _text(found["rmse_sd"], 1)),
            ("rmse_without_offset", _text(found["rmse_without_offset"], digits)),
            ("within_1_5sd", _text(100 * found["within_1_5sd"], 0)),
            ("within_2sd", _text(100 * found["within_2sd"], 0)),
        ]
        cells = "".join(
            f'<td class="n {marks.get(("curves", name, key), "")}">{value}</td>' for key, value in values
        )
        rows.append(f"<tr>{label}{asked}{cells}</tr>")
    medial = each.numbers["medial_force"]
    if medial is not None:
        extent = f"{medial['low']:.2f} to {medial['high']:.2f}"
        rows.append(
            f"<tr><td>medial force [BW]</td><td></td><td class=n>{extent}</td>"
            "<td class=n>not in the norms</td></tr>"
        )
    head = (
        *("curve", "asked by", "walker", "human", "r", "RMSE", "RMSE [SD]", "RMSE without offset"),
        *("within 1.5 SD [%]", "within 2 SD [%]"),
    )
    return _table(head, rows, 2)


def _measure_table(each: AtSpeed, followed: Mapping[str, str]) -> str:
    marks = {verdict.target.path: verdict.mark for verdict in each.verdicts}
    rows = []
    for name, (label, unit, digits) in _MEASURES.items():
        found = each.numbers["measures"][name]
        mark = marks.get(("measures", name, "deviation_sd"), "")
        rows.append(
            f"<tr><td>{label} [{unit}]</td><td>{escape(followed.get(name, ''))}</td>"
            f"<td class=n>{_spread(found['walker'], found['walker_sd'], digits)}</td>"
            f"<td class=n>{_spread(found['human'], found['human_sd'], digits)}</td>"
            f'<td class="n {mark}">{_text(found["deviation_sd"], 1)}</td></tr>'
        )
    return _table(("measure", "asked by", "walker", "human", "from the mean [SD]"), rows, 2)


def _shape_table(each: AtSpeed) -> str:
    shape = each.numbers["force_shape"]
    if shape is None:
        return ""
    rows = [
        f"<tr><td>{label} [{unit}]</td><td class=n>{_text(shape[name]['walker'], digits)}</td>"
        f"<td class=n>{_text(shape[name]['human'], digits)}</td></tr>"
        for name, (label, unit, digits) in _SHAPE.items()
    ]
    return _table(("vertical force, mean cycle", "walker", "human"), rows, 1)


def _table(head: Sequence[str], rows: Sequence[str], words: int) -> str:
    """A table whose first columns hold words, the others numbers."""
    cells = (f"<th{'' if k < words else ' class=n'}>{escape(text)}</th>" for k, text in enumerate(head))
    return f"<table><tr>{''.join(cells)}</tr>{''.join(rows)}</table>"


def _fine(text: str) -> str:
    return f"<p class=fine>{escape(text)}</p>"


def _spread(mean: float | None, sd: float | None, digits: int) -> str:
    if mean is None:
        return NOTHING
    return f"{mean:.{digits}f}" + ("" if sd is None else f" &plusmn; {sd:.{digits}f}")


def _text(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"
