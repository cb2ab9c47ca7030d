"""Sends a batch through py-zabbix: Delivered or Deferred.

The only file that uses py-zabbix: ZabbixMetric (its attributes are what is sent, and nothing else),
ZabbixSender with `socket_wrapper` and `chunk_size`, ZabbixResponse. A batch is delivered when the answer
counts every value.

A packet is as in Zabbix's manual, "Header": ZBXD, flags, the length in eight bytes, the request.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar, Union

from tcpwatchd.model.batch import Batch, Deferred, Delivered, Outcome, Value
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.printable import one_line
from tcpwatchd.zabbix import active_checks
from tcpwatchd.zabbix.active_checks import Registered, Registration, not_understood
from tcpwatchd.zabbix.addresses import Node
from tcpwatchd.zabbix.channel import Channel, ExchangeError
from tcpwatchd.zabbix.exchange import Exchange, Resolve
from tcpwatchd.zabbix.failover import Failover, Redirect
from tcpwatchd.zabbix.py_zabbix import LeanSender, ZabbixMetric

_Answer = TypeVar("_Answer", bound=Union[Delivered, Registered])


class Sender:
    """One destination: a server, or the nodes of one cluster, or what a proxy group names in their place."""

    def __init__(
        self,
        nodes: Sequence[Node],
        timeout_s: float,
        clock: Clock,
        resolve: Resolve = socket.getaddrinfo,
        channel: Channel | None = None,
        source: str = "",
    ) -> None:
        self._source = source
        self._resolve = resolve
        self._failover = Failover(nodes)
        self._channel = channel
        self._timeout_s = timeout_s
        self._clock = clock

    def deliver(self, batch: Batch) -> Outcome:
        """Sends the batch to the first node that takes any of it, following at most one redirect."""
        metrics = [_metric(batch.host, value, batch.question) for value in batch.values]
        return self._first_to_take(lambda node: self._exchange(node, metrics), batch.host)

    def register(self, registration: Registration) -> Registered | Deferred:
        """Tells a node of this host, the first that knows it if any does; followed as a delivery is."""
        return self._first_to_take(lambda node: self._register(node, registration), registration.host)

    def _first_to_take(
        self, ask: Callable[[Node], _Answer | Redirect | Deferred], host: str
    ) -> _Answer | Deferred:
        """A node that took nothing though it answered is passed over like one that is down, but its answer is
        the outcome where no other does better. Deferred, with every node's reason, if none answered.
        """
        several, followed = self._failover.several(), False
        failures: dict[str, Deferred] = {}
        refusal: _Answer | None = None
        refused: set[Node] = set()
        left = deque(self._failover.nodes())
        while left:
            node = left.popleft()
            outcome = ask(node)
            if isinstance(outcome, Redirect):
                several = True
                target: list[Node] | None = (
                    None if followed else self._failover.turn(outcome, self._clock.steady_s())
                )
                if target is not None and refused.issuperset(target):
                    break
                if target is not None:
                    # The nodes not tried yet come after, in case the one named is not there (any more).
                    left = deque([*target, *(other for other in left if other not in target)])
                    followed = True
                    continue
                outcome = _not_followed(outcome, followed)
            if isinstance(outcome, Deferred):
                self._failover.failed(node)
                failures[str(node)] = outcome
                continue
            if outcome.refused and self._failover.settling(node, self._clock.steady_s()):
                return _settling(outcome.node, host)
            if outcome.processed:
                self._failover.answered(node)
                return outcome
            # The host may have moved: other nodes are asked too, and nobody twice.
            self._failover.failed(node)
            refusal = refusal or outcome
            refused.add(node)
        return refusal or _all_failed(list(failures.values()), several)

    def _register(self, node: Node, registration: Registration) -> Registered | Redirect | Deferred:
        exchange = Exchange(
            self._timeout_s,
            self._clock.steady_s,
            self._resolve,
            self._channel,
            self._source,
            active_checks.MOST_ANSWER_BYTES,
        )
        try:
            exchange.connect((node.host, node.port))
            return active_checks.parse(node, exchange.ask(registration.request()))
        except ExchangeError as error:
            return Deferred(str(node), error.what, error.todo)
        finally:
            exchange.close()

    def _exchange(self, node: Node, metrics: list[ZabbixMetric]) -> Outcome | Redirect:
        exchange = Exchange(self._timeout_s, self._clock.steady_s, self._resolve, self._channel, self._source)

        def wrap(unconnected: socket.socket) -> Exchange:
            unconnected.close()
            return exchange

        # One send is one chunk: of two, the first could be delivered while the second fails.
        sender = LeanSender(
            zabbix_server=node.host,
            zabbix_port=node.port,
            chunk_size=len(metrics),
            socket_wrapper=wrap,
            timeout=self._timeout_s,
        )
        try:
            answer = sender.send(metrics)
        except ExchangeError as error:
            return Deferred(str(node), error.what, error.todo)
        except OSError as error:
            # py-zabbix raises the decoded answer where it was not `success`.
            return _declined(node, error.args[0] if error.args else error)
        except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError, RecursionError):
            # What py-zabbix does with an answer that is not JSON, not an object, or has no `info`.
            return not_understood(node)
        except Exception as error:
            if type(error) is not Exception:
                raise
            # What py-zabbix does where it gets no socket; it asks for one before ours.
            cause = error.__context__
            return Deferred(
                str(node),
                f"could not be tried: {cause.strerror if isinstance(cause, OSError) else error}",
                "tcpwatchd or this host has no descriptors left; see LimitNOFILE and /proc/sys/fs/file-nr",
            )
        finally:
            exchange.close()
        return _judged(node, answer.processed, answer.failed, answer.total, len(metrics))


def _metric(host: str, value: Value, question: bool) -> ZabbixMetric:
    metric = ZabbixMetric(host, value.key, value.text)
    metric.clock = value.stamp.clock  # given as an argument, a clock of 0 is dropped
    metric.ns = value.stamp.ns
    if question:
        # What an agent says of a log that has not grown. It is judged and counted like a value; of it there
        # is nothing to store and nothing that a trigger could be evaluated for.
        del metric.value
        metric.lastlogsize = metric.mtime = 0
    return metric


def _declined(node: Node, answer: object) -> Deferred | Redirect:
    if not isinstance(answer, dict):
        return not_understood(node)
    if "redirect" in answer:
        return Redirect.parse(node, answer["redirect"]) or not_understood(node)
    info = answer.get("info")
    if answer.get("response") != "failed" and not isinstance(info, str):
        return not_understood(node)
    return Deferred(
        str(node),
        f"declined: {one_line(info if isinstance(info, str) else str(answer))}",
        "the server's log says more; it may be starting, stopping or paused",
    )


def _not_followed(redirect: Redirect, followed: bool) -> Deferred:
    where = f" to {redirect.address}" if redirect.address else ""
    if followed:
        return Deferred(
            str(redirect.node),
            f"redirects this host{where}, the second redirect in a row",
            "the proxy group is changing owners, or no proxy of it is online: see its state in Zabbix",
        )
    return Deferred(
        str(redirect.node),
        f"redirects this host{where} by a mapping that is out of date",
        "it should be over when all proxies of the group have heard of the newer mapping",
    )


def _settling(node: str, host: str) -> Deferred:
    return Deferred(
        node,
        f"refuses values of host {host}, to which this host was redirected only just now",
        "it should be over when that proxy has learnt of the host and its items",
    )


def _all_failed(failures: Sequence[Deferred], several: bool) -> Deferred:
    """One outcome of all nodes' reasons; each with its node where there are `several`."""
    reasons = [f"{failure.node} {failure.reason}" if several else failure.reason for failure in failures]
    return Deferred(failures[0].node, "; ".join(reasons), failures[-1].todo)


def _judged(node: Node, processed: int, failed: int, total: int, sent: int) -> Outcome:
    if processed < 0 or failed < 0 or processed + failed != total or total != sent:
        return Deferred(
            str(node),
            "gave an answer that does not add up, so nothing is taken as delivered",
            f"it counted {processed} processed and {failed} failed, {total} in total, of {sent} sent; please "
            "report this",
        )
    return Delivered(str(node), processed, failed)
