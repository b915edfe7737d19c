"""What is asked of the walkers: observations, actions, rewards, terminations and resets."""

from batchenv.mdp.rewards import reward_term

__all__ = ["reward_term"]
