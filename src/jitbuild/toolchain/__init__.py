"""Find or provide the C compiler and LLVM that a plan needs."""
