"""Where interpreters come from: each provider turns a plan into a staged prefix."""
