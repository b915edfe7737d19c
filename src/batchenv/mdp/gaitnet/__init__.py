"""What is asked of GaitNet's bodies: its observation, rewards, gait, starts and ends."""
