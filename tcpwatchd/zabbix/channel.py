"""How a connection to a trapper is protected, and the error of a conversation that failed."""

from __future__ import annotations

import socket
from typing import Protocol

HANDSHAKE = "TLS handshake"  # the step between connecting and sending, where there is a Channel
# What a person can do where the other side is no trapper, or ends the conversation without a word.
NOT_ZABBIX = "is this the address of a Zabbix server or proxy, and its trapper port (10051)?"

WHY_NO_ANSWER = (
    "its log says why; usual are a server that is shutting down, one that asks for TLS, or a port that is no "
    "Zabbix trapper's"
)


class ExchangeError(OSError):
    """The conversation failed. `what` happened, and `todo`, what a person can do about it."""

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo


class Channel(Protocol):
    """What protects a connection."""

    def wrap(self, unconnected: socket.socket) -> socket.socket:
        """A socket in its place. ExchangeError, and all closed, where that cannot be."""

    def shake_hands(self, connected: socket.socket) -> None:
        """Before the first byte of the conversation, within the socket's timeout. OSError if it fails."""

    def told(self, error: OSError, step: str) -> ExchangeError | None:
        """What a failure means; None if encryption has no part in it."""

    def why_no_answer(self) -> str:
        """What to do where a server shook hands, and then closed without an answer."""

    def described(self, connected: socket.socket) -> str:
        """The protection of a connection, for a person."""
