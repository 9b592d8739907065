"""Build a plan: run its steps in scratch and finish the installed prefix."""
