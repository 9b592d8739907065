"""Read and check the recipes."""
