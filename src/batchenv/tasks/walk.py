"""Walking: following a reference gait cycle, straight ahead, at its speed."""

from batchenv.body import GaitCycle, load_gait_cycle
from batchenv.tasks.human import HumanTask
from batchenv.tasks.registry import task


@task("walk")
class WalkTask(HumanTask):
    """Follow a reference gait cycle, straight ahead, at its speed."""

    def load_reference(self) -> GaitCycle:
        """The gait cycle that `environment.motion` names.

        Raises:
            ConfigError: it is missing or damaged, or the section names clips.
        """
        self.refuse_motion(("files", "loop"), "the task walk, which follows a gait cycle; try task: track")
        motion = self.environment.motion
        return load_gait_cycle(
            self.config.resolve_path(motion.file),
            self.body,
            period=motion.period,
            speed=motion.speed,
            joint_scale=motion.joint_scale,
        )
