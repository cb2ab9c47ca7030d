"""The day that pictures show and that `server_cost` measures: what a daemon would have sent."""

from __future__ import annotations

from tcpwatchd.config.config import parse
from tcpwatchd.metrics.catalogue import selected
from tests.lab.ledger import compare
from tests.lab.simulated_day import DOWN, FULL, MINUTES, SERVICES, Host, values_of

NOW = 1_800_000_000


def test_each_item_has_values_in_order_and_none_while_the_daemon_was_down() -> None:
    host = Host("web", leaks=True, full=FULL)
    pushes = list(values_of(host, NOW))
    assert len(pushes) == MINUTES - len(DOWN)
    values = [value for push in pushes for value in push]
    assert not compare(values, values).out_of_order
    keys = {value.key for value in values}
    assert {metric.key for metric in selected(parse("", "defaults"))} <= keys
    assert {f"tcpwatchd.service[{name},established]" for name in SERVICES} <= keys


def test_what_does_not_change_is_left_out_of_it() -> None:
    quiet = Host("quiet", busy=0.01)
    sent, whole = (
        sum(map(len, values_of(quiet, NOW, services=(), unchanged_s=unchanged_s)))
        for unchanged_s in (600.0, None)
    )
    assert sent < whole / 4
