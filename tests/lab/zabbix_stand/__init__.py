"""A private, real Zabbix, 6.0 or 7.0, for integration tests and for trying things out by hand.

This file alone knows: which names of the package are for others to use.
"""

from __future__ import annotations

from .api import ApiError, Client, Value
from .errors import StandError
from .group import GroupStand
from .stand import Stand

__all__ = ["ApiError", "Client", "GroupStand", "Stand", "StandError", "Value"]
