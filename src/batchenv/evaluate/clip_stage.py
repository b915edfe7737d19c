"""A clip on a stage: a body that moves as the clip says, without physics, filmed or served as a page."""

import time
from collections.abc import Iterator

import mujoco
import numpy as np

from batchenv.body.body import Body
from batchenv.evaluate.browser import HOST, PORT, check_browser, open_server, silence
from batchenv.evaluate.camera import FollowingCamera, check_view
from batchenv.evaluate.drawing import THIN, colour_muscles, draw_quickly, light_softly, most_geoms
from batchenv.evaluate.numbers import check_seconds
from batchenv.evaluate.offscreen import Offscreen
from batchenv.evaluate.stage import LOOK_AT_HEIGHT, USUAL_FPS
from batchenv.mdp.figure import Look
from batchenv.motion import Clip
from batchenv.motion.fit import check_fitted


class ClipStage:
    """A body that a clip moves.

    Args:
        clip: fitted to the body.
        body: with its meshes.
        view: from where the camera looks.
        muscles: whether to draw them.

    Raises:
        InputError: the clip is fitted to another body, or there is no such view.

    Attributes:
        model, data, option, camera: to draw with.
    """

    def __init__(self, clip: Clip, body: Body, view: str = "quarter", *, muscles: bool = True):
        check_fitted(clip, body)
        check_view("view", view)
        self._clip, self._body = clip, body
        self.model = light_softly(body.model, 1)
        draw_quickly(self.model)
        self.data = mujoco.MjData(self.model)
        self.option = mujoco.MjvOption()
        self.option.flags[mujoco.mjtVisFlag.mjVIS_TENDON] = muscles
        toes = body.toe_body if body.toe_body.size else body.foot_body
        feet = tuple((int(foot), int(toe)) for foot, toe in zip(body.foot_body, toes, strict=True))
        self._look = Look(
            self.model,
            np.stack([body.forward, body.left, body.up]),
            self.model.actuator_trnid[body.muscle_id, 0],
            body.floor_geom,
            feet,
        )
        colour_muscles(self._look, np.zeros(len(self._look.tendons)))
        self.model.tendon_width[self._look.tendons] = THIN
        self._place(clip, 0)
        speed = np.linalg.norm(clip.root_pos[-1, :2] - clip.root_pos[0, :2]) / clip.duration
        self.camera = FollowingCamera(view, body.forward, self._middle(), float(speed), 0.0)

    @property
    def look(self) -> Look:
        """What the model looks like."""
        return self._look

    @property
    def count(self) -> int:
        """There is one body."""
        return 1

    def pose(self, world: int) -> None:
        """The body is posed already."""

    def play(self, seconds: float) -> Iterator[float]:
        """Move the body through the clip, again and again where it loops, and the camera with it.

        Args:
            seconds: how long [s].

        Yields:
            the time since the beginning [s], `USUAL_FPS` times a second.
        """
        times = np.arange(max(1, round(seconds * USUAL_FPS))) / USUAL_FPS
        moved = self._clip.at(times)
        for frame, at in enumerate(times.tolist()):
            self._place(moved, frame)
            if frame:
                self.camera.follow(self._middle(), 1.0 / USUAL_FPS)
            yield at

    def _place(self, clip: Clip, frame: int) -> None:
        self.data.qpos[:] = self._body.qpos(
            clip.root_pos[frame], clip.root_quat[frame], clip.joint_pos[frame]
        )
        # No more than is drawn: a clip has no forces, and touches nothing.
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_comPos(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)
        mujoco.mj_tendon(self.model, self.data)

    def _middle(self) -> np.ndarray:
        return np.array([*self.data.qpos[:2], LOOK_AT_HEIGHT])


def film_clip(stage: ClipStage, seconds: float, width: int, height: int) -> Iterator[np.ndarray]:
    """Yield pictures (height, width, 3) of a clip, `USUAL_FPS` of them a second.

    Args:
        stage: the clip.
        seconds: length of the film [s].
        width, height: of a picture [pixels].

    Raises:
        InputError: no film is that long.
        UsageError: this machine cannot render.
    """
    check_seconds("seconds", seconds)
    scene = mujoco.MjvScene(stage.model, maxgeom=most_geoms(stage.model))
    drawn = (stage.model, stage.data, stage.option, mujoco.MjvPerturb(), stage.camera.mujoco)
    with Offscreen(stage.model, width, height, samples=0) as screen:
        for _ in stage.play(seconds):
            mujoco.mjv_updateScene(*drawn, mujoco.mjtCatBit.mjCAT_ALL.value, scene)
            yield screen.render(scene)


def serve_clip(stage: ClipStage, seconds: float, host: str = HOST, port: int = PORT) -> Iterator[str]:
    """Show a clip on a page of the browser in real time, from the beginning again when it ends.

    Args:
        stage: the clip.
        seconds: of a run [s].
        host: name or address that the page is served at.
        port: where.

    Yields:
        the address of the page, once it is there and after each run.

    Raises:
        UsageError: viser is missing, or the port is taken.
    """
    check_browser(host, port)
    from batchenv.evaluate.browser_scene import BrowserScene

    server = open_server(host, port, "batchenv")
    try:
        scene = BrowserScene(server, stage)
        scene.show(muscles=True, forces=False)
        while True:
            yield f"http://{host}:{port}"
            began = time.monotonic()
            for at in stage.play(seconds):
                scene.update()
                time.sleep(max(0.0, began + at - time.monotonic()))
    finally:
        with silence():
            server.stop()
