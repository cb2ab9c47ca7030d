"""The trapper protocol: addresses, failover, redirects, TLS.

Imports: model.
"""
