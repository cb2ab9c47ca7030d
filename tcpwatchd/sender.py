"""Batch → Delivered or Deferred, through py-zabbix.

The only file that knows py-zabbix, and of it only what is public: ZabbixMetric (an attribute `ns` set on
it is sent), ZabbixSender with `socket_wrapper` and `chunk_size`, ZabbixResponse. Alone knows when an answer
means that every value was dealt with. Must not know where batches come from or when to try again.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence

from pyzabbix import ZabbixMetric, ZabbixSender

from tcpwatchd.clock import Clock
from tcpwatchd.exchange import NOT_ZABBIX, Exchange, ExchangeError, Resolve
from tcpwatchd.model import Batch, Deferred, Delivered, Outcome
from tcpwatchd.options import Node

# py-zabbix logs each failure with a line of its own; ours are said once, by the daemon, with what to do.
logging.getLogger("pyzabbix").setLevel(logging.CRITICAL + 1)


class Sender:
    """One destination: a server, or the nodes of one cluster; the one that answered last is tried first."""

    def __init__(
        self,
        nodes: Sequence[Node],
        timeout_s: float,
        clock: Clock,
        resolve: Resolve = socket.getaddrinfo,
    ) -> None:
        self._resolve = resolve
        self._nodes = tuple(nodes)
        self._timeout_s = timeout_s
        self._clock = clock
        self._first = 0

    def deliver(self, batch: Batch) -> Outcome:
        """Sends the batch to the first node that takes it; Deferred with every node's reason if none does."""
        metrics = [
            _metric(batch.host, value.key, value.text, value.stamp.clock, value.stamp.ns)
            for value in batch.values
        ]
        failures: list[Deferred] = []
        for nth in range(len(self._nodes)):
            at = (self._first + nth) % len(self._nodes)
            outcome = self._exchange(self._nodes[at], batch.host, metrics)
            if isinstance(outcome, Delivered):
                self._first = at
                return outcome
            failures.append(outcome)
        first, *others = failures
        reasons = [first.reason, *(f"{other.node} {other.reason}" for other in others)]
        return Deferred(first.node, "; ".join(reasons), failures[-1].todo)

    def _exchange(self, node: Node, host: str, metrics: list[ZabbixMetric]) -> Outcome:
        exchange = Exchange(self._timeout_s, self._clock.steady_s, self._resolve)

        def wrap(unconnected: socket.socket) -> Exchange:
            unconnected.close()
            return exchange

        # One send is one chunk: of two, the first could be delivered while the second fails.
        sender = ZabbixSender(
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
            return _not_understood(node)
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
        return _judged(node, host, answer.processed, answer.failed, answer.total, len(metrics))


def _metric(host: str, key: str, text: str, clock: int, ns: int) -> ZabbixMetric:
    metric = ZabbixMetric(host, key, text)
    metric.clock = clock  # given as an argument, a clock of 0 is dropped
    metric.ns = ns
    return metric


def _declined(node: Node, answer: object) -> Deferred:
    if not isinstance(answer, dict):
        return _not_understood(node)
    if "redirect" in answer:
        return Deferred(
            str(node),
            "redirects this host to a proxy of its group, which this version does not follow",
            "name the proxies of the group in zabbix.servers, as one entry: a;b",
        )
    info = answer.get("info")
    if answer.get("response") != "failed" and not isinstance(info, str):
        return _not_understood(node)
    return Deferred(
        str(node),
        f"declined: {_legible(info if isinstance(info, str) else str(answer))}",
        "the server's log says more; it may be starting, stopping or paused",
    )


def _not_understood(node: Node) -> Deferred:
    return Deferred(str(node), "gave an answer that is not understood", NOT_ZABBIX)


def _legible(text: str) -> str:
    """What a stranger says, as part of one line of a log."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[:1000])
    line = " ".join(line.split())
    return line if len(line) <= 200 else f"{line[:199]}…"


def _judged(node: Node, host: str, processed: int, failed: int, total: int, sent: int) -> Outcome:
    if processed + failed != total or total != sent:
        return Deferred(
            str(node),
            "gave an answer that does not add up, so nothing is taken as delivered",
            f"it counted {processed} processed and {failed} failed, {total} in total, of {sent} sent; please "
            "report this",
        )
    if processed == 0:
        return Deferred(
            str(node),
            f"refused every value of host {host}",
            "is the host known in Zabbix under exactly this name (zabbix.host), enabled, linked to the "
            "template and not monitored by a proxy? A server learns of a new host within a minute",
        )
    return Delivered(str(node), processed, failed)
