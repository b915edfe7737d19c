"""Terms: actions, observations, rewards, terminations, events and commands, and how a task composes them."""
