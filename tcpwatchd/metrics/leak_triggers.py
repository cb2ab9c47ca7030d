"""Triggers for leaks: sockets that a program keeps and that are old, more and more of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.metrics.trigger import PROGRAM, Trigger

# By how much the average of LEAK.TIME has to grow each time, and how far it has to be above the highest of
# the day before: above the noise of hundreds of sockets.
_GROWTH, _ABOVE_DAY = 1.1, 1.2
_FEW = 20
_SILENT = (
    "young sockets, however many: bursts, a busy day, a morning. Old sockets whose number stays the same, "
    "or has risen once, as after a deployment."
)
_ENDS = (
    "when the program is restarted or closes the sockets: their number falls to half, or below the "
    "threshold. Also when it has not grown for a day."
)


def _grows(key: str, window: str, shifts: tuple[str, ...]) -> str:
    """The average of each window is above that of the window before. Without a value in the first of them it
    is not known, and this is false.
    """
    windows = [f"/T/{key},{window}{shift}" for shift in ("", *shifts)]
    steps = (f"avg({later})>{_GROWTH}*avg({before})" for later, before in zip(windows, windows[1:]))
    # What begins with a few sockets has not grown for so long.
    return f"count({windows[-1]})>0 and avg({windows[-2]})>{_FEW} and {' and '.join(steps)}"


def _leak(state: str) -> tuple[str, str]:
    """Old sockets have grown in each of three windows: for hours, or where they are very many, for half an
    hour.
    """
    key, time = f"tcpwatchd.sockets.old[{state}]", "{$TCPWATCHD.LEAK.TIME}"
    last, thrice = f"last(/T/{key})", f":now-{time}-{time}-{time}"
    slowly = _grows(key, time, (f":now-{time}", f":now-{time}-{time}", thrice))
    fast = _grows(key, "<10m>", (":now-<10m>", ":now-<2x10m>", ":now-<3x10m>"))
    least, many = (f"{{$TCPWATCHD.LEAK.{name}:{state}}}" for name in ("MIN", "MANY"))
    return (
        f"({slowly} and {last}>{least} and {last}>{_ABOVE_DAY}*max(/T/{key},1d{thrice})) or "
        f"({fast} and {last}>{many})",
        f"{last}<={least} or {last}<0.5*max(/T/{key},1d) or "
        f"(count(/T/{key},{time}:now-1d)>0 and avg(/T/{key},{time})<=avg(/T/{key},{time}:now-1d))",
    )


LEAK_TRIGGERS: Mapping[str, Trigger] = MappingProxyType(
    {
        "close_wait_leak": Trigger(
            "TCP: CLOSE_WAIT leak",
            "TCP: CLOSE_WAIT leak: {ITEM.LASTVALUE1}",
            "AVERAGE",
            *_leak("close_wait"),
            "A program of this host does not close connections that its peers have closed: those that are "
            "old become more and more.",
            "after hours or days the program has no descriptor left (`Too many open files`).",
            "`ss -tnp state close-wait` as root shows the program. A restart helps at once; a timeout or a "
            "close() in its code helps permanently. No sysctl helps.",
            _SILENT,
            _ENDS,
            shown="{ITEM.LASTVALUE2} old; {ITEM.LASTVALUE1}",
            behind=("accept_queue_full", "accept_queue_full_once"),
            named_by="tcpwatchd.culprits[close_wait]",
            tags=PROGRAM,
        ),
        "fin_wait2_leak": Trigger(
            "TCP: FIN_WAIT2 leak",
            "TCP: FIN_WAIT2 leak: {ITEM.LASTVALUE1}",
            "WARNING",
            *_leak("fin_wait2"),
            "A program shuts down its sending side of more and more connections and does not close them. "
            "The kernel removes only orphaned ones.",
            "the program runs out of descriptors, as with CLOSE_WAIT, but the peer can end the connections "
            "too.",
            "`ss -tnp state fin-wait-2` as root shows the program. It should close the sockets.",
            _SILENT,
            _ENDS,
            shown="{ITEM.LASTVALUE2} old; {ITEM.LASTVALUE1}",
            named_by="tcpwatchd.culprits[fin_wait2]",
            tags=PROGRAM,
        ),
        "descriptor_leak": Trigger(
            "TCP: Descriptor leak, sockets without a connection",
            "TCP: Descriptor leak, sockets without a connection: {ITEM.LASTVALUE1}",
            "AVERAGE",
            *_leak("close"),
            "Programs hold sockets without a connection: opened and not used, or reset by the peer and not "
            "closed. netstat and ss do not show them.",
            "the program runs out of descriptors.",
            "As root: `ls /proc/[0-9]*/fd -l | grep -c socket`, or `lsof -p PID | grep \"can't identify "
            'protocol"`, shows whose they are.',
            _SILENT + " It needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: without them nobody can tell which "
            "sockets are old.",
            _ENDS,
            shown="{ITEM.LASTVALUE2} old; {ITEM.LASTVALUE1}",
            named_by="tcpwatchd.culprits[close]",
            tags=PROGRAM,
        ),
    }
)
