"""Pure functions that turn a request, recipes, a target and a variant into a plan."""
