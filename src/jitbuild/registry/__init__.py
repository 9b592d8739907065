"""Interpreters and stencils in OCI registries: the client, and the shape of the artifacts."""
