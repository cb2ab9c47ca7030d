"""Zabbix's JSON-RPC API, and what the tests ask of it, for 6.0 and 7.0 alike.

This file alone knows: the API's methods, parameters and differences between versions.
"""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple

from .errors import StandError

USER = "Admin"
PASSWORD = "zabbix"  # noqa: S105 - what every new Zabbix has
GROUP = "tcpwatchd"
# As Zabbix numbers them, in actions.
_AUTOREGISTRATION, _METADATA, _CONTAINS = 2, 24, 2
_ADD_HOST, _ADD_TO_GROUP, _LINK_TEMPLATE = 2, 4, 6

_ALL = {"createMissing": True, "updateExisting": True}
_MIRROR = {**_ALL, "deleteMissing": True}
IMPORT_RULES: dict[str, dict[str, bool]] = {
    "templates": _ALL,
    "items": _MIRROR,
    "triggers": _MIRROR,
    "discoveryRules": _MIRROR,
    "templateDashboards": _MIRROR,
    "graphs": _MIRROR,
    "valueMaps": _MIRROR,
    "httptests": _MIRROR,
    "templateLinkage": {"createMissing": True, "deleteMissing": True},
}
GROUP_RULES_BEFORE_7 = {"groups": _ALL}
GROUP_RULES_FROM_7 = {"template_groups": _ALL, "host_groups": _ALL}


class ApiError(StandError):
    """The API has refused a call; message and data are Zabbix' own words."""

    def __init__(self, method: str, message: str, data: str) -> None:
        super().__init__(f"Zabbix refused {method}: {message} {data}")
        self.method = method
        self.message = message
        self.data = data


class Value(NamedTuple):
    """One row of an item's history; equal to the plain tuple (clock, ns, text)."""

    clock: int
    ns: int
    text: str


def _bare(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the numbers of parts of parts, which Zabbix gives anew at every import, and in one order."""
    inner = ("gitemid", "widgetid", "dashboard_pageid")

    def bare(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: bare(value) for name, value in part.items() if name not in inner}
        return sorted(map(bare, part), key=str) if isinstance(part, list) else part

    return [bare(part) for part in sorted(found, key=str)]


class Client:
    """A Zabbix frontend on 127.0.0.1, used as Admin."""

    def __init__(self, frontend_port: int) -> None:
        self.frontend_port = frontend_port
        self._version: tuple[int, int] | None = None
        self._token: str | None = None

    @property
    def version(self) -> tuple[int, int]:
        """Such as (6, 0); asked once."""
        if self._version is None:
            major, minor, *_ = self._call("apiinfo.version", {}, None).split(".")
            self._version = (int(major), int(minor))
        return self._version

    def api(self, method: str, params: Any) -> Any:
        """Call as Admin and return the result; logs in at the first call. The version is told to anybody."""
        if method == "apiinfo.version":
            return self._call(method, params, None)
        if self._token is None:
            login = {"username": USER, "password": PASSWORD}
            self._token = self._call("user.login", login, None)
        return self._call(method, params, self._token)

    def _call(self, method: str, params: Any, token: str | None) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {"Content-Type": "application/json-rpc"}
        if token is not None and self.version >= (7, 0):
            headers["Authorization"] = f"Bearer {token}"
        elif token is not None:
            body["auth"] = token
        # No urllib: it would ask the machine's web proxy for 127.0.0.1.
        connection = http.client.HTTPConnection("127.0.0.1", self.frontend_port, timeout=60)
        try:
            connection.request("POST", "/api_jsonrpc.php", json.dumps(body), headers)
            text = connection.getresponse().read().decode(errors="replace")
        finally:
            connection.close()
        try:
            answer = json.loads(text)
        except ValueError:
            raise ApiError(method, "The answer is no JSON.", text[:500]) from None
        if "error" in answer:
            error = answer["error"]
            raise ApiError(method, str(error.get("message")), str(error.get("data")))
        return answer["result"]

    def import_template(self, yaml_text: str) -> None:
        """Import a YAML export; what is not in it any more goes from the template."""
        groups = GROUP_RULES_FROM_7 if self.version >= (7, 0) else GROUP_RULES_BEFORE_7
        rules = {**IMPORT_RULES, **groups}
        self.api("configuration.import", {"format": "yaml", "rules": rules, "source": yaml_text})

    def create_host(self, name: str, template_name: str, **more: object) -> str:
        """A host without interface, linked to the template, with `more` properties; returns its hostid."""
        templates = self.api("template.get", {"filter": {"host": [template_name]}})
        if not templates:
            raise StandError(f"There is no template {template_name!r}: import it first.")
        host = {
            "host": name,
            "groups": [{"groupid": self._group()}],
            "templates": [{"templateid": templates[0]["templateid"]}],
            **more,
        }
        hostid: str = self.api("host.create", host)["hostids"][0]
        return hostid

    def register_hosts(self, metadata: str, template_name: str) -> None:
        """An action that adds whoever registers with this metadata, with the template."""
        (found,) = self.api("template.get", {"filter": {"host": [template_name]}})
        condition = {"conditiontype": _METADATA, "operator": _CONTAINS, "value": metadata}
        self.api(
            "action.create",
            {
                "name": f"register {metadata}",
                "eventsource": _AUTOREGISTRATION,
                "filter": {"evaltype": 0, "conditions": [condition]},
                "operations": [
                    {"operationtype": _ADD_HOST},
                    {"operationtype": _ADD_TO_GROUP, "opgroup": [{"groupid": self._group()}]},
                    {
                        "operationtype": _LINK_TEMPLATE,
                        "optemplate": [{"templateid": found["templateid"]}],
                    },
                ],
            },
        )

    def known(self, host: str) -> bool:
        """Whether there is such a host."""
        return bool(self.api("host.get", {"filter": {"host": [host]}, "output": ["hostid"]}))

    def _group(self) -> str:
        found = self.api("hostgroup.get", {"filter": {"name": [GROUP]}})
        if found:
            present: str = found[0]["groupid"]
            return present
        try:
            created: str = self.api("hostgroup.create", {"name": GROUP})["groupids"][0]
        except ApiError:
            return self._group()  # another thread was first
        return created

    def items(self, host: str) -> dict[str, dict[str, str]]:
        """Key -> properties of the item, as the API writes them: state "0" is well."""
        found = self.api("item.get", {"hostids": self._hostid(host), "output": "extend"})
        return {item["key_"]: item for item in found}

    def parts(self, template_name: str) -> dict[str, list[dict[str, Any]]]:
        """Triggers, graphs and dashboards of a template, with all that makes them what they are."""
        (found,) = self.api("template.get", {"filter": {"host": [template_name]}})
        asked = {"templateids": found["templateid"], "output": "extend"}
        inner = {"selectDependencies": ["triggerid"], "selectTags": "extend"}
        return {
            "triggers": self.api("trigger.get", {**asked, **inner, "sortfield": "triggerid"}),
            "graphs": _bare(self.api("graph.get", {**asked, "selectGraphItems": "extend"})),
            "dashboards": _bare(self.api("templatedashboard.get", {**asked, "selectPages": "extend"})),
        }

    def history(self, host: str, key: str) -> list[Value]:
        """All stored values of an item, oldest first."""
        item = self.items(host).get(key)
        if item is None:
            raise StandError(f"The host {host!r} has no item {key!r}.")
        rows = self.api(
            "history.get",
            {
                "history": int(item["value_type"]),  # it names the table in both
                "itemids": item["itemid"],
                "output": "extend",
            },
        )
        return sorted(Value(int(row["clock"]), int(row["ns"]), row["value"]) for row in rows)

    def problems(self, host: str) -> list[dict[str, Any]]:
        """The host's open problems, oldest first, with their tags."""
        question = {
            "hostids": self._hostid(host),
            "output": "extend",
            "selectTags": "extend",
            "sortfield": "eventid",
        }
        found: list[dict[str, Any]] = self.api("problem.get", question)
        return found

    def _hostid(self, host: str) -> str:
        found = self.api("host.get", {"filter": {"host": [host]}, "output": ["hostid"]})
        if not found:
            raise StandError(f"There is no host {host!r} in Zabbix: create it first.")
        hostid: str = found[0]["hostid"]
        return hostid
