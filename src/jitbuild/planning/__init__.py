"""Make a plan from a request, recipes, a target and a variant, with pure functions."""
