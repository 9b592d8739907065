"""Find or provide the C compiler and the LLVM that a plan needs."""
