"""GaitNet's task: its observations, rewards, gait, starts and ends."""
