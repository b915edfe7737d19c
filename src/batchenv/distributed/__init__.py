"""Training on many machines: runners collect rollouts, one learner learns from them.

Nothing is imported here: `ray_pool` alone needs Ray.
"""
