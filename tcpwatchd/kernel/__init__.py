"""Asks Linux: sock_diag over netlink, /proc/net, sysctls, network namespaces.

Imports: model.
"""
