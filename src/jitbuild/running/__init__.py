"""Everything the commands that run something share: command words, environments, lookup."""
