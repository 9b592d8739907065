"""Transfers and requests over HTTP: limits, retries, proxies, and the errors of all of them."""
