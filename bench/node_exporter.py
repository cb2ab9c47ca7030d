"""The contender node_exporter: its tcpstat collector alone, asked over HTTP as Prometheus would."""

from __future__ import annotations

import re
import urllib.request

from .contender import Contender, Reading
from .errors import ContenderError
from .plan import NODE_EXPORTER, Mix
from .resident import Resident

_ADDRESS = "127.0.0.1:9100"  # the namespace is ours, and so are all its ports
_SCRAPES = 2
_SCRAPE_S = 60.0


class NodeExporter(Contender):
    """The real daemon, written in Go."""

    name = NODE_EXPORTER
    packages = ("prometheus-node-exporter",)
    programs = ("prometheus-node-exporter",)

    def start(self) -> None:
        """It runs, and is paused."""
        command = [
            "prometheus-node-exporter",
            "--collector.disable-defaults",
            "--collector.tcpstat",
            "--web.disable-exporter-metrics",
            f"--web.listen-address={_ADDRESS}",
        ]
        self._resident = Resident(command, self.directory / "log", self.directory)
        self.ends.callback(self._resident.end)
        self._resident.wait_until(_answers, "an answer over HTTP")
        self._resident.pause()

    def turn(self) -> Reading:
        """A few scrapes."""
        with self._resident.awake():
            before_s = self._resident.cpu_s()
            for _ in range(_SCRAPES):
                counts = _scrape()
            spent_s = self._resident.cpu_s() - before_s
            seen = Mix(*(counts.get(state, 0) for state in ("established", "close_wait", "fin_wait2")))
            return Reading(spent_s / _SCRAPES, _SCRAPES, self._resident.peak_bytes(), seen)


def _scrape() -> dict[str, int]:
    try:
        with urllib.request.urlopen(f"http://{_ADDRESS}/metrics", timeout=_SCRAPE_S) as answer:
            text = answer.read().decode()
    except OSError as error:
        raise ContenderError(f"its scrape failed: {error}") from None
    found = re.findall(r'^node_tcp_connection_states\{state="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {state: round(float(number)) for state, number in found}


def _answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://{_ADDRESS}/", timeout=1):
            return True
    except OSError:
        return False
