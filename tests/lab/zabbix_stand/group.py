"""A Zabbix 7.0 with two active proxies in one proxy group, otherwise as the stand for 6.0.

This file alone knows: proxy groups, the proxies' settings, and which proxy a host is with. The group moves a
host after ten seconds, the least that Zabbix allows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from . import daemons, trapper
from .errors import StandError
from .processes import Process, free_port, start, wait_until
from .programs import SEVEN
from .stand import Stand, Step

PROXIES = (1, 2)
FAILOVER_DELAY_S = 10

# Values go to the disk before they go on: a proxy that is stopped has them when it comes back.
PROXY_SETTINGS = """
Server=127.0.0.1:{server_port}
Hostname={name}
ListenIP=127.0.0.1
ListenPort={port}
DBName={own}/proxy.db
ProxyBufferMode=disk
ProxyConfigFrequency=1
DataSenderFrequency=1
LogType=console
PidFile={own}/proxy.pid
SocketDir={own}
TmpDir={own}
ExternalScripts={own}
StartTrappers=3
StartDBSyncers=1
StartPollers=1
StartPreprocessors=1
StartPollersUnreachable=1
StartPingers=0
StartDiscoverers=0
StartHTTPPollers=0
"""

ONLINE = "3"  # state of a group
BY_GROUP = 2  # monitored_by of a host


class GroupStand(Stand):
    """A running stand; hosts that are created here belong to the proxy group. Proxies are called 1 and 2."""

    programs = SEVEN

    def _bring_up(self, step: Step, tls_files: Mapping[str, Path]) -> None:
        super()._bring_up(step, tls_files)
        step("starting two proxies")
        group = {"name": "group", "failover_delay": f"{FAILOVER_DELAY_S}s", "min_online": "1"}
        self._group_id: str = self.api("proxygroup.create", group)["proxy_groupids"][0]
        self._ports: dict[int, int] = {}
        self._ids: dict[str, int] = {}
        for number in PROXIES:
            self._make_proxy(number)
            self.start_proxy(number)
        step("waiting until the proxy group is online")
        wait_until(self.group_online, "The proxy group", self._processes[_name(PROXIES[-1])])

    def _make_proxy(self, number: int) -> None:
        taken = {self.server_port, self.frontend_port, *self._ports.values()}
        port = free_port(taken)
        proxy = {
            "name": _name(number),
            "operating_mode": 0,  # active
            "proxy_groupid": self._group_id,
            "local_address": "127.0.0.1",
            "local_port": str(port),
        }
        self._ids[self.api("proxy.create", proxy)["proxyids"][0]] = number
        self._ports[number] = port
        own = daemons.folder_of_zabbix(self.directory / _name(number))
        settings = PROXY_SETTINGS.format(server_port=self.server_port, name=_name(number), port=port, own=own)
        self._settings(number).write_text(settings)

    def _settings(self, number: int) -> Path:
        return self.directory / f"{_name(number)}.conf"

    def proxy_port(self, number: int) -> int:
        """Where that proxy listens, or did."""
        return self._ports[number]

    def start_proxy(self, number: int) -> None:
        """Start a proxy on the same port and with the same database as ever, and wait until it answers."""
        name = _name(number)
        if not self.alive().get(name):
            self._start(name, lambda: self._launch_proxy(number))
        port = self.proxy_port(number)
        wait_until(lambda: trapper.answers(port), name, self._processes[name])

    def _launch_proxy(self, number: int) -> Process:
        command = [*self.programs.command("zabbix_proxy"), "--foreground", "-c", str(self._settings(number))]
        return start(command, daemons.USER, self.directory, self.directory / f"{_name(number)}.log")

    def stop_proxy(self, number: int) -> None:
        """Stop a proxy; what it has taken and not passed on yet stays in its database."""
        self._end(_name(number))

    def group_online(self) -> bool:
        """Whether the server counts the group as at work."""
        (group,) = self.api("proxygroup.get", {"proxy_groupids": self._group_id, "output": ["state"]})
        return bool(group["state"] == ONLINE)

    def create_host(self, name: str, template_name: str, **more: object) -> str:
        """A host of the proxy group, otherwise as ever; returns its hostid."""
        of_group = {"monitored_by": BY_GROUP, "proxy_groupid": self._group_id}
        return super().create_host(name, template_name, **of_group, **more)

    def owner(self, host: str) -> int:
        """The proxy that the host is with now, as the server has decided; 0 while it is with none."""
        (found,) = self.api("host.get", {"filter": {"host": [host]}, "output": ["assigned_proxyid"]})
        return self._ids.get(found["assigned_proxyid"], 0)

    def wait_until_known(self, host: str, timeout_s: float = 60.0) -> None:
        """Until one proxy has the host and all others redirect it there; both proxies have to be up.

        Of its items the proxy may know some milliseconds later; later changes of the host are not waited for.
        """
        deadline = time.monotonic() + timeout_s
        while not self._settled(host):
            if time.monotonic() > deadline:
                raise StandError(
                    f"The proxy group did not get to know the host {host!r} within {timeout_s:g} s."
                )
            time.sleep(0.1)

    def _settled(self, host: str) -> bool:
        own = self._ports.get(self.owner(host))
        others = {self.server_port, *self._ports.values()} - {own}
        return (
            own is not None
            and trapper.takes(own, host)
            and all(trapper.redirect(other, host) == f"127.0.0.1:{own}" for other in others)
        )


def _name(number: int) -> str:
    return f"proxy-{number}"
