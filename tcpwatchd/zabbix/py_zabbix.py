"""Imports py-zabbix's sender without its API client, and without what it does for debugging.

`import pyzabbix` loads the client as well, and with it urllib, http.client and email: 3 MB of resident memory
that no monitored host needs.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import struct
import sys
from types import ModuleType
from typing import Any

_PACKAGE = "pyzabbix"


def _sender() -> ModuleType:
    """`pyzabbix.sender`, imported within a package whose own code does not run. Raises ImportError."""
    spec = None if _PACKAGE in sys.modules else importlib.util.find_spec(_PACKAGE)
    if spec is None:
        return importlib.import_module(f"{_PACKAGE}.sender")
    sys.modules[_PACKAGE] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module(f"{_PACKAGE}.sender")
    finally:
        del sys.modules[_PACKAGE]  # whoever imports it later gets the whole package


_module = _sender()
ZabbixMetric: Any = _module.ZabbixMetric  # py-zabbix has no types
ZabbixSender: Any = _module.ZabbixSender

# py-zabbix logs each failure with a line of its own; ours are said once, by the daemon, with what to do.
logging.getLogger("pyzabbix").setLevel(logging.CRITICAL + 1)


class LeanSender(ZabbixSender):  # type: ignore[misc]  # as above
    """A ZabbixSender that does not write each packet out in hexadecimal digits for a line of debugging,
    logged or not: that took longer than all else about a request.

    What it overrides is not public. Where a version of py-zabbix has no such method, this is not called.
    """

    def _create_packet(self, request: bytes) -> bytes:
        return b"ZBXD\x01" + struct.pack("<Q", len(request)) + request
