"""Turn a request, recipes, a target and a variant into a plan: pure functions."""
