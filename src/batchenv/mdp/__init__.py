"""Terms: actions, observations, rewards, terminations and events, and how a task composes them."""
