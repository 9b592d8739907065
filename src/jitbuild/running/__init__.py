"""Parts that `run`, `diff` and `bench` share: commands, environments, and interpreter lookup."""
