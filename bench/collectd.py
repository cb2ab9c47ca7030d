"""The contender collectd: its tcpconns plugin, once a second.

Source: collectd.conf(5), collectd-unixsock(5).
"""

from __future__ import annotations

import socket
import time

from .contender import Contender, Reading
from .errors import ContenderError
from .plan import COLLECTD, Mix
from .resident import Resident

_SAMPLES = 3
_INTERVAL_S = 1.0
_AFTER_S = 0.1  # behind a sample, when it is at rest
_CONFIG = """\
Hostname "bench"
FQDNLookup false
Interval {interval:g}
BaseDir "{directory}"
PIDFile "{directory}/pid"
LoadPlugin tcpconns
<Plugin tcpconns>
  ListeningPorts false
  AllPortsSummary true
</Plugin>
LoadPlugin unixsock
<Plugin unixsock>
  SocketFile "{directory}/socket"
</Plugin>
"""
_VALUE = "bench/tcpconns-all/tcp_connections-{}"


class Collectd(Contender):
    """The real daemon, written in C, over the same netlink."""

    name = COLLECTD
    packages = ("collectd-core",)
    programs = ("collectd",)

    def start(self) -> None:
        """It runs, and is paused."""
        config = self.directory / "collectd.conf"
        config.write_text(_CONFIG.format(directory=self.directory, interval=_INTERVAL_S))
        command = ["collectd", "-f", "-C", str(config)]
        self._resident = Resident(command, self.directory / "log", self.directory)
        self.ends.callback(self._resident.end)
        self._resident.wait_until((self.directory / "socket").exists, "its socket")
        self._resident.pause()

    def turn(self) -> Reading:
        """A few samples, from rest to rest."""
        with self._resident.awake():
            began = time.time()
            # Two, so that what the pause has put off is behind.
            self._resident.wait_until(lambda: self._sampled_at() > began + _INTERVAL_S, "a sample")
            at_rest = self._sampled_at() + _AFTER_S
            while at_rest < time.time():
                at_rest += _INTERVAL_S
            time.sleep(at_rest - time.time())
            first = self._sampled_at()
            before_s = self._resident.cpu_s()
            time.sleep(at_rest + _SAMPLES * _INTERVAL_S - time.time())
            spent_s = self._resident.cpu_s() - before_s
            last = self._sampled_at()
            samples = round((last - first) / _INTERVAL_S)
            if not samples:
                raise ContenderError(f"no sample in {_SAMPLES} s")
            seen = Mix(*(self._value(state) for state in ("ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT2")))
            return Reading(spent_s / samples, samples, self._resident.peak_bytes(), seen)

    def _sampled_at(self) -> float:
        """When it sampled last; 0 if it has not."""
        for line in self._ask("LISTVAL"):
            at, _, name = line.partition(" ")
            if name == _VALUE.format("ESTABLISHED"):
                return float(at)
        return 0.0

    def _value(self, state: str) -> int:
        return round(float(self._ask(f'GETVAL "{_VALUE.format(state)}"')[0].partition("=")[2]))

    def _ask(self, command: str) -> list[str]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.directory / "socket"))
            with connection.makefile("rw") as stream:
                stream.write(command + "\n")
                stream.flush()
                status = stream.readline()
                count = int(status.split()[0])
                if count < 0:
                    raise ContenderError(f"collectd says: {status.strip()}")
                return [stream.readline().rstrip("\n") for _ in range(count)]
