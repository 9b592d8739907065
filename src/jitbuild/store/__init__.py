"""The managed store of interpreters and its manifests."""
