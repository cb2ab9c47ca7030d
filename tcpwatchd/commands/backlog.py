"""Shows the values that wait on disk and in memory, for each destination."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from tcpwatchd.commands.console import ago
from tcpwatchd.commands.in_chinese import spoken
from tcpwatchd.commands.invocation import FAILED, GOOD, config_of
from tcpwatchd.delivery.refused_key_search import KEY_TODO
from tcpwatchd.model.backlog_level import Backlog, Held
from tcpwatchd.model.units import format_size
from tcpwatchd.spool.backlog import read_backlog, read_note
from tcpwatchd.spool.spool_file import in_use


def held_text(held: Held, now_clock: int) -> str:
    """What a daemon holds in memory alone. `now_clock` in Unix seconds."""
    since = ago(held.since_clock, now_clock)
    lines = [f"memory: {held.values:,} values are in memory alone and are sent from there"]
    if held.hangs:
        lines += [
            f"  why        the disk of {held.spool} has not answered since {since}",
            "  do         does a backup freeze it, or is it on the network? see dmesg and mount",
            "  on disk    cannot be read before the disk answers",
        ]
    else:
        lines += [
            f"  why        the disk of {held.spool} takes nothing since {since}",
            "  do         is it full or read-only? see df and dmesg",
        ]
    return "\n".join(lines)


def backlog_text(
    path: str, backlog: Sequence[Backlog], size_bytes: int, most_bytes: int, running: bool, now_clock: int
) -> str:
    """What waits on disk, for whom, since when and why: a paragraph each. `now_clock` in Unix seconds."""
    lines = [
        f"spool {path}: {format_size(size_bytes)} of {format_size(most_bytes)} in use; "
        + ("the daemon is running" if running else "NO DAEMON IS RUNNING on it -> systemctl status tcpwatchd")
    ]
    for waiting in backlog:
        lines += ["", waiting.destination]
        if waiting.oldest_clock is None:
            lines.append("  waiting    nothing")
        else:
            lines.append(
                f"  waiting    {waiting.values:,} values of {waiting.pushes:,} pushes, "
                f"{format_size(waiting.size_bytes)}, the oldest {ago(waiting.oldest_clock, now_clock)}"
            )
        if waiting.trouble:
            why, _, todo = waiting.trouble.partition(" -> ")
            lines.append(f"  why        {why}, since {ago(waiting.trouble_clock, now_clock)}")
            lines += [f"  do         {todo}"] if todo else []
        elif waiting.oldest_clock is not None:
            lines.append("  why        no failure is known: it is being sent, or waits for replay.rate")
        if waiting.doubted:
            lines.append(
                f"  in doubt   {waiting.doubted:,} values, some of them were refused; the pushes "
                "that follow show which"
            )
        if waiting.aside:
            lines.append(
                f"  set aside  {sum(waiting.aside.values()):,} values of {len(waiting.aside):,} keys that "
                "are refused; they are tried again every ten minutes and at a reload:"
            )
            lines += [f"    {count:>8,}  {key}" for key, count in waiting.aside.items()]
            lines.append(f"  do         {KEY_TODO}")
    return "\n".join(lines)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    config = config_of(arguments)
    path, now_clock = config.spool_path, int(time.time())
    if held := read_note(path):
        print(spoken(held_text(held, now_clock)), flush=True)
        if held.hangs:  # who looks now cannot be killed until the disk answers
            return FAILED
    backlog, size_bytes = read_backlog(path)
    running, most_bytes = in_use(path), config.spool_max_size_bytes
    print(spoken(backlog_text(str(path), backlog, size_bytes, most_bytes, running, now_clock)))
    return GOOD
