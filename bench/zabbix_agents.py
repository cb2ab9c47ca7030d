"""The contenders that Zabbix brings along: eleven items, one a state, as a template asks for them.

Each item is a passive check over TCP, as a server makes it. Source: Zabbix manual, "Passive and active agent
checks", net.tcp.socket.count.
"""

from __future__ import annotations

import socket
import struct
from typing import ClassVar

from tcpwatchd.model.sockets import State

from .contender import Contender, Reading
from .errors import ContenderError
from .plan import AGENT2, AGENTD, Mix
from .resident import Resident

_LONGEST_S = 30  # the most that either agent can be told to take for an item
_HEADER = struct.Struct("<4sBII")  # magic, flags, length, reserved
_CONFIG = """\
Hostname=bench
Server=127.0.0.1
ListenIP=127.0.0.1
ListenPort={port}
LogType=console
PidFile={directory}/pid
Timeout={timeout}
"""


class _Agent(Contender):
    """Either agent; `port` and `more` of its configuration, and what it is started `through`."""

    rounds = 2
    program: ClassVar[str]
    port: ClassVar[int]
    more: ClassVar[str] = ""
    through: ClassVar[tuple[str, ...]] = ()

    def start(self) -> None:
        """It runs, and is paused."""
        config = self.directory / "agent.conf"
        text = _CONFIG.format(port=self.port, directory=self.directory, timeout=_LONGEST_S)
        config.write_text(text + self.more.format(directory=self.directory))
        command = [*self.through, self.program, "-f", "-c", str(config)]
        self._resident = Resident(command, self.directory / "log", self.directory)
        self.ends.callback(self._resident.end)
        self._resident.wait_until(self._answers, "agent.ping")
        self._resident.pause()

    def turn(self) -> Reading:
        """All eleven once."""
        with self._resident.awake():
            before_s = self._resident.cpu_s()
            counts = {state: self._count(state) for state in State}
            spent_s = self._resident.cpu_s() - before_s
            seen = Mix(counts[State.ESTABLISHED], counts[State.CLOSE_WAIT], counts[State.FIN_WAIT2])
            return Reading(spent_s, 1, self._resident.peak_bytes(), seen)

    def _count(self, state: State) -> int:
        key = f"net.tcp.socket.count[,,,,{state.parameter}]"
        try:
            return int(self._get(key))
        except (OSError, ValueError) as error:
            raise ContenderError(f"{key}: {error} (its timeout is {_LONGEST_S} s)") from None

    def _answers(self) -> bool:
        try:
            return self._get("agent.ping") == "1"
        except OSError:
            return False

    def _get(self, key: str) -> str:
        with socket.create_connection(("127.0.0.1", self.port), _LONGEST_S + 5) as connection:
            request = key.encode()
            connection.sendall(_HEADER.pack(b"ZBXD", 1, len(request), 0) + request)
            answer = b""
            while piece := connection.recv(4096):
                answer += piece
        return answer[_HEADER.size :].replace(b"\0", b" ").decode()  # of an error, a zero ends the kind


class Agentd(_Agent):
    """The agent in C."""

    name = AGENTD
    packages = ("zabbix-agent",)
    programs = ("zabbix_agentd",)
    program = "zabbix_agentd"
    port = 10050
    more = "AllowRoot=1\n"
    # It forks, and its children must not outlive it: with the first process of their namespace they go.
    through = ("unshare", "--pid", "--fork", "--kill-child", "--")


class Agent2(_Agent):
    """The agent in Go."""

    name = AGENT2
    packages = ("zabbix-agent2",)
    programs = ("zabbix_agent2",)
    program = "zabbix_agent2"
    port = 10052
    more = "ControlSocket={directory}/control\n"
