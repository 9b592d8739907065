"""Recipes: the data on releases, flags, LLVM and build machines in recipes/*.toml, as types."""
