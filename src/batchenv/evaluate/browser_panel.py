"""The panels of the browser's page: controls at its right, curves at its left."""

import time
from typing import Any

import numpy as np
import viser
import viser.uplot

from batchenv.evaluate.browser_scene import BrowserScene
from batchenv.evaluate.drawing import ACTIVE, FULLY_ACTIVE, RELAXED
from batchenv.evaluate.remote import DIRECTIONS, Remote, keys_of
from batchenv.evaluate.stage import Stage

Array = np.ndarray
_SPAN = 5.0  # of the curves [s]
_REFRESH = 0.2  # between two updates of curves and of the status [s]
_TOUCH = 1.0  # that a slider is left alone after it was moved by hand [s]
_COLOURS = ("#4263eb", "#e03131", "#2f9e44", "#f08c00", "#9c36b5", "#0c8599", "#846358", "#e64980", "#495057")


class Panel:
    """Controls and curves of a stage.

    Args:
        server: of the page.
        stage: the walkers.
        remote: that carries out what is clicked.
        scene: of the page.
        slowest: largest factor of slow motion.
        title: of the walkers.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        stage: Stage,
        remote: Remote,
        scene: BrowserScene,
        slowest: int,
        title: str,
    ):
        self._gui, self._stage, self._remote, self._scene = server.gui, stage, remote, scene
        self._watched, self._touched = 0, 0.0
        self._refreshed = self._counted = time.perf_counter()
        self._walked, self._pace = stage.seconds, 1.0
        server.gui.configure_theme(show_logo=False, show_share_button=False, control_width="medium")
        server.gui.set_panel_label(title)
        self._status = server.gui.add_markdown("")
        server.gui.add_html(_legend())
        self._add_motion(slowest)
        self._sliders = self._add_commands()
        self._add_push()
        self._add_keys()
        self._add_curves(server)

    def update(self) -> None:
        """Take what was just drawn into the curves; show them now and then."""
        stage, world = self._stage, self._watched
        self._forces.add(stage.seconds, self._scene.forces[world, :, 2] / self._weight)
        self._rewards.add(stage.seconds, [values[world] for values in stage.env.reward_terms.values()])
        now = time.perf_counter()
        if now - self._refreshed > _REFRESH:
            self._refreshed = now
            self._forces.show()
            self._rewards.show()
            self._show_status(now)
            self._show_commands(now)

    def rest(self) -> None:
        """Say that the walkers stand still."""
        self._counted, self._walked = time.perf_counter(), self._stage.seconds
        self._pause.label = "Go on"

    def _add_motion(self, slowest: int) -> None:
        gui, remote, scene = self._gui, self._remote, self._scene
        with gui.add_folder("Watch"):
            self._pause = gui.add_button("Pause")
            again = gui.add_button("Start again")
            slow = gui.add_slider("Slow motion", 1, slowest, 1, 1, hint="1: real time")
            follow = gui.add_checkbox("Follow", True)
            muscles, forces = gui.add_checkbox("Muscles", True), gui.add_checkbox("Forces", True)
        self._pause.on_click(lambda _: remote.wish(remote.pause))
        again.on_click(lambda _: remote.wish(self._stage.restart))
        slow.on_update(lambda _: setattr(remote, "slow", min(max(1.0, float(slow.value)), slowest)))
        follow.on_update(lambda _: setattr(scene, "following", follow.value))
        for box in (muscles, forces):
            box.on_update(lambda _: scene.show(muscles.value, forces.value))

    def _add_commands(self) -> dict[str, Any]:
        """A slider for each command; a number where the configuration gives no range, or a single value."""
        stage, gui, remote, sliders = self._stage, self._gui, self._remote, {}
        if not stage.env.command_layout:
            return sliders
        with gui.add_folder("Command"):
            for column, value in zip(stage.env.command_layout, stage.env.commands[0], strict=True):
                label = f"{column.name} [{column.unit}]"
                limits = stage.command_range(column.name)
                if limits is None or limits[0] == limits[1] or not limits[0] <= value <= limits[1]:
                    slider = gui.add_number(label, float(value), step=0.05)
                else:
                    slider = gui.add_slider(label, *limits, step=0.05, initial_value=float(value))
                sliders[column.name] = slider
                slider.on_update(lambda event, name=column.name: self._ask(event, name))
            back = gui.add_button("As configured", hint="Draw commands as the configuration says")
            back.on_click(lambda _: remote.wish(lambda: stage.ask(None)))
        return sliders

    def _ask(self, event: Any, name: str) -> None:
        if event.client_id is not None:  # else this program moved the slider
            self._touched = time.perf_counter()
            value = float(event.target.value)
            self._remote.wish(lambda: self._stage.ask({name: value}))

    def _add_push(self) -> None:
        gui, push = self._gui, self._remote.next_push
        with gui.add_folder("Push"):
            size = gui.add_slider("Force [N]", 10.0, 300.0, 10.0, push.newtons)
            length = gui.add_slider("Time [s]", 0.05, 1.0, 0.05, push.seconds)
            direction = gui.add_button_group("Push", [name.capitalize() for name in DIRECTIONS])
        size.on_update(lambda _: setattr(push, "newtons", size.value))
        length.on_update(lambda _: setattr(push, "seconds", length.value))

        def act(_: Any) -> None:
            where = str(direction.value).lower()
            self._remote.wish(lambda: self._remote.push(where))

        direction.on_click(act)

    def _add_keys(self) -> None:
        with self._gui.add_folder("Keys", expand_by_default=False):
            keys = keys_of(self._stage)
            self._gui.add_markdown("\n".join(f"- **{key.hotkey}**: {key.does}" for key in keys))
        for key in keys:
            command = self._gui.add_command(key.does.capitalize(), hotkey=key.hotkey)  # pyright: ignore[reportArgumentType]
            command.on_trigger(lambda _, key=key: self._remote.wish(lambda: key.act(self._remote)))

    def _add_curves(self, server: viser.ViserServer) -> None:
        stage, model = self._stage, self._stage.model
        self._weight = float(model.body_subtreemass[0] * np.linalg.norm(model.opt.gravity))
        count = stage.env.num_envs
        panel = server.gui.add_panel()
        with panel.add_tab("Curves", viser.Icon.CHART_LINE):
            if count > 1:
                choice = server.gui.add_slider("Walker", 1, count, 1, 1)
                choice.on_update(lambda _: self._remote.wish(lambda: self._watch(int(choice.value) - 1)))
            feet = ("right", "left") if len(stage.figure.look.feet) == 2 else ("feet",)
            self._forces = Curves(server, "Vertical force of the floor [body weights]", feet)
            names = tuple(name.rpartition(":")[2] for name in stage.env.reward_terms)
            self._rewards = Curves(server, "Terms of the reward", names or ("none",))
        panel.dock_left()
        panel.set_width(330)

    def _watch(self, world: int) -> None:
        world = min(max(0, world), self._stage.env.num_envs - 1)
        self._watched = world
        if self._stage.followed is not None:
            self._stage.followed = world
        self._forces.clear()
        self._rewards.clear()

    def _show_status(self, now: float) -> None:
        stage = self._stage
        self._pause.label = "Pause"
        if now - self._counted > 1.0:
            walked = (stage.seconds - self._walked) * self._remote.slow
            if walked > 0.0:  # else they started again
                self._pace = walked / (now - self._counted)
            self._counted, self._walked = now, stage.seconds
        speed = stage.speeds[self._watched]
        falls = f"{stage.falls} fall{'' if stage.falls == 1 else 's'}"
        behind = "" if self._pace > 0.95 else f" · {self._pace:.0%} of real time"
        self._status.content = f"{stage.seconds:.1f} s · **{speed:.2f} m/s** · {falls}{behind}"

    def _show_commands(self, now: float) -> None:
        """Move the sliders to the commands, unless somebody is moving them."""
        if now - self._touched < _TOUCH:
            return
        for slider, value in zip(
            self._sliders.values(), self._stage.env.commands[self._watched], strict=True
        ):
            slider.value = round(float(value), 3)


class Curves:
    """Curves of the last seconds.

    Args:
        server: of the page.
        title: above them.
        names: of the curves (C,).
    """

    def __init__(self, server: viser.ViserServer, title: str, names: tuple[str, ...]):
        self._width = len(names)
        self.clear()
        series = [viser.uplot.Series(label="s")]
        for k, name in enumerate(names):
            colour = _COLOURS[k % len(_COLOURS)]
            series.append(viser.uplot.Series(label=name, stroke=colour, width=1.5, points={"show": False}))
        self._handle = server.gui.add_uplot(
            self._data(),
            tuple(series),
            title=title,
            scales={"x": viser.uplot.Scale(time=False)},
            legend=viser.uplot.Legend(live=False),
            aspect=1.5,
        )

    def add(self, seconds: float, values: Any) -> None:
        """Append a point of each curve, values (C,), and forget old ones."""
        self._rows.append([seconds, *values])
        while self._rows[0][0] < seconds - _SPAN or self._rows[0][0] > seconds:
            del self._rows[0]

    def show(self) -> None:
        """Send the curves to the page."""
        self._handle.data = self._data()

    def clear(self) -> None:
        """Forget all points."""
        self._rows: list[list[float]] = []

    def _data(self) -> tuple[Array, ...]:
        rows = np.array(self._rows or [[0.0] * (1 + self._width)], np.float64)
        return tuple(np.ascontiguousarray(column) for column in rows.T)


def _legend() -> str:
    """What the colours of muscles mean, as HTML."""
    relaxed, active = (
        "#" + "".join(f"{round(255 * part):02x}" for part in colour) for colour in (RELAXED, ACTIVE)
    )
    return (
        '<div style="padding:0.2em 0.6em;font-size:0.8em"><div>Activation of muscles</div>'
        f'<div style="height:0.7em;border-radius:0.2em;background:linear-gradient(to right,{relaxed},'
        f'{active})"></div><div style="display:flex;justify-content:space-between"><span>0</span>'
        f"<span>{FULLY_ACTIVE:g} and more</span></div></div>"
    )
