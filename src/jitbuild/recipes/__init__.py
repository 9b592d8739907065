"""Recipes: typed data from recipes/*.toml about releases, flags, LLVM and build machines."""
