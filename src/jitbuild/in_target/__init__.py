"""Scripts that run in the interpreter under test; the host never imports them."""
