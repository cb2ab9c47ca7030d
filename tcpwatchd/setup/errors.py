"""What keeps a server from being set up."""

from __future__ import annotations

from tcpwatchd.model.errors import TcpwatchdError


class SetupError(TcpwatchdError):
    """A call of the API that failed, or something in Zabbix that is not as it has to be."""
