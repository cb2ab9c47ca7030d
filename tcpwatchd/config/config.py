"""Reads YAML into a frozen Config and reports every problem of the file at once.

Checks positions, duplicate keys, unknown keys, and values that depend on each other. The keys themselves are
rows of `options.OPTIONS`.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from tcpwatchd.config.options import LISTENERS, OPTIONS
from tcpwatchd.config.value_parsers import Option, Steps, path_of, problems_of
from tcpwatchd.diagnosis.services import Service
from tcpwatchd.metrics.key_patterns import KeyPattern, of_dialect
from tcpwatchd.model.errors import ConfigError, Problem
from tcpwatchd.model.printable import MESSAGE_CHARACTERS, NAME_CHARACTERS, printable
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_GROUPS
from tcpwatchd.zabbix.tls import UNENCRYPTED, TlsSettings, contradictions

DEFAULT_PATH = Path("/etc/tcpwatchd/config.yaml")

_BY_PATH = {option.path: option for option in OPTIONS}
_SECTIONS = {path.rsplit(".", depth)[0] for path in _BY_PATH for depth in range(1, path.count(".") + 1)}


@dataclass(frozen=True)
class Config:
    """Everything that can be tuned. Durations in seconds, sizes in bytes; `statistics` names every state.

    `servers` are the entries as written: each names one destination, and its place in the spool.
    """

    servers: tuple[str, ...]
    host: str
    source_ip: str
    host_metadata: str
    host_interface: str
    timeout_s: float
    batch_size: int
    tls: TlsSettings
    sample_s: float
    push_s: float
    limits_s: float
    culprits_s: float
    urgent_s: float | None
    unchanged_s: float | None
    spool_path: Path
    spool_max_size_bytes: int
    spool_max_age_s: float
    replay_rate: int
    replay_delay_s: float
    backend: str
    mode: str
    audit_s: float
    cpu_percent: float
    log_level: str
    counters: tuple[str, ...]
    culprits_states: tuple[State, ...]
    culprits_threshold: int
    culprits_age_s: float
    aliases: Mapping[str, str]
    own_keys: bool
    key_patterns: tuple[KeyPattern, ...]
    services: tuple[Service, ...]
    discover: bool
    namespaces: bool
    statistics: Mapping[State, tuple[str, ...]]


class _File:
    """One reading of one text; collects problems instead of stopping at the first."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []

    def problem(self, path: str, line: int, message: str) -> None:
        # A key of YAML may hold any character, and stands in the path.
        self.problems.append(Problem(printable(path), line, printable(message, MESSAGE_CHARACTERS)))

    def section(self, node: yaml.Node, path: str) -> None:
        """Reads a mapping; its keys are options or further sections."""
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
            return  # a section whose keys are all commented out
        if not isinstance(node, yaml.MappingNode):
            self.problem(path, node.start_mark.line + 1, "is not a section; write keys below it, indented")
            return
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            inner = f"{path}.{name}" if path else name
            if inner in self.lines:
                self.problem(inner, line, f"stands twice; first in line {self.lines[inner]}")
                continue
            self.lines[inner] = line
            if inner in _SECTIONS:
                self.section(value_node, inner)
            elif inner in _BY_PATH:
                self.value(_BY_PATH[inner], value_node, line)
            else:
                self.problem(inner, line, f"unknown key{_nearest(inner)}")

    def value(self, option: Option, node: yaml.Node, line: int) -> None:
        """Reads one value by its option's row."""
        try:
            # Built by the safe loader from this node alone; anything it cannot build is the file's fault.
            given = yaml.SafeLoader("").construct_document(node)
        except (yaml.YAMLError, ValueError, TypeError, RecursionError):
            self.problem(option.path, line, "is not a plain value")
            return
        try:
            self.values[option.path] = option.read(given)
        except ValueError as error:
            for steps, message in problems_of(given, error):
                self.problem(f"{option.path}{path_of(steps)}", _line_of(node, steps, line), message)

    def get(self, path: str) -> Any:
        """What the file says, or the default."""
        default = _BY_PATH[path].default
        return self.values.get(path, default if default is None else _BY_PATH[path].read(default))


def _line_of(node: yaml.Node, steps: Steps, line: int) -> int:
    """Where an entry stands, as near as its steps lead; `line` is that of the value's key."""
    for step in steps:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), node)
        line = node.start_mark.line + 1
    return line


def _nearest(path: str) -> str:
    """`; did you mean …?` for a key that is like a known one, in its own section or elsewhere."""
    import difflib  # noqa: PLC0415 - needed only where something is wrong

    known = [*_BY_PATH, *_SECTIONS]
    close = difflib.get_close_matches(path.lower(), known, n=1, cutoff=0.75)
    if not close:
        last = path.rsplit(".", 1)[-1].lower()
        ends = {candidate.rsplit(".", 1)[-1]: candidate for candidate in known}
        close = [ends[end] for end in difflib.get_close_matches(last, ends, n=1, cutoff=0.75)]
    return f"; did you mean {close[0]}?" if close else ""


def parse(text: str, source: str, with_files: bool = False) -> Config:
    """The configuration that `text` (YAML) describes. Raises ConfigError with all problems.

    The files that it names are read only `with_files`: `sample` and `explain` need no key.
    """
    file = _File()
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(source, (Problem("", line, f"is not YAML: {error.problem}"),)) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        words = str(error).splitlines()
        raise ConfigError(source, (Problem("", 0, f"is not YAML: {words[0] if words else ''}"),)) from error
    if root is not None:
        file.section(root, "")
    config = _config(file)
    if config.push_s < config.sample_s and not file.problems:
        file.problem(
            "intervals.push",
            file.lines.get("intervals.push", file.lines.get("intervals.sample", 0)),
            "is shorter than intervals.sample; a push needs at least one sample",
        )
    _check_keys(file, config)
    if not any(problem.path.startswith("zabbix.tls") for problem in file.problems):
        _check_tls(file, config.tls, with_files)
    if file.problems:
        raise ConfigError(source, tuple(sorted(file.problems, key=lambda problem: problem.line)))
    return config


def load(path: Path, with_files: bool = False) -> Config:
    """The configuration in a file, see `parse`. ConfigError if it cannot be read or taken."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        hint = "; copy config.example.yaml there and edit it" if isinstance(error, FileNotFoundError) else ""
        reason = f"cannot be read: {error.strerror}{hint}"
        raise ConfigError(str(path), (Problem("", 0, reason),)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), (Problem("", 0, f"is not UTF-8: {error.reason}"),)) from error
    return parse(text, str(path), with_files)


def _config(file: _File) -> Config:
    return Config(
        servers=file.get("zabbix.servers"),
        host=file.get("zabbix.host") or printable(socket.gethostname(), NAME_CHARACTERS),
        source_ip=file.get("zabbix.source_ip") or "",
        host_metadata=file.get("zabbix.host_metadata") or "",
        host_interface=file.get("zabbix.host_interface") or "",
        timeout_s=file.get("zabbix.timeout"),
        batch_size=file.get("zabbix.batch_size"),
        tls=TlsSettings(*(file.get(f"zabbix.tls.{field.name}") for field in fields(TlsSettings))),
        sample_s=file.get("intervals.sample"),
        push_s=file.get("intervals.push"),
        limits_s=file.get("intervals.limits"),
        culprits_s=file.get("intervals.culprits"),
        urgent_s=file.get("intervals.urgent"),
        unchanged_s=file.get("intervals.unchanged"),
        spool_path=Path(file.get("spool.path")),
        spool_max_size_bytes=file.get("spool.max_size"),
        spool_max_age_s=file.get("spool.max_age"),
        replay_rate=file.get("replay.rate"),
        replay_delay_s=file.get("replay.delay"),
        backend=file.get("sampler.backend"),
        mode=file.get("sampler.mode"),
        audit_s=file.get("sampler.audit"),
        cpu_percent=file.get("budget.cpu_percent"),
        log_level=file.get("log.level"),
        counters=file.get("counters"),
        culprits_states=file.get("culprits.states"),
        culprits_threshold=file.get("culprits.threshold"),
        culprits_age_s=file.get("culprits.age"),
        aliases={**of_dialect(file.get("keys.dialect")), **(file.get("aliases") or {})},
        own_keys=file.get("keys.own"),
        key_patterns=_patterns(file),
        services=file.get("services") or (),
        discover=file.get("discover") == LISTENERS,
        namespaces=file.get("namespaces"),
        statistics=_statistics(file),
    )


def _patterns(file: _File) -> tuple[KeyPattern, ...]:
    pattern = file.get("keys.pattern")
    single = (KeyPattern(pattern, file.get("keys.spelling")),) if pattern else ()
    return (*single, *(file.get("keys.patterns") or ()))


def _check_keys(file: _File, config: Config) -> None:
    if config.own_keys and not config.aliases and not config.key_patterns:
        return  # our own keys alone never contradict each other
    # It brings the catalogue of all keys along, which `sample` does not need.
    from tcpwatchd.config.key_checks import alias_problems, pattern_problems  # noqa: PLC0415

    problems = (
        *alias_problems(config, file.get("aliases") or {}),
        *pattern_problems(config, bool(file.get("keys.pattern"))),
    )
    for path, message in problems:
        file.problem(path, file.lines.get(path.partition("[")[0], 0), message)


def _check_tls(file: _File, settings: TlsSettings, with_files: bool) -> None:
    problems = tuple(contradictions(settings))
    if with_files and not problems and settings.connect != UNENCRYPTED:
        from tcpwatchd.zabbix.tls_context import TlsFileError, open_context  # noqa: PLC0415 - brings ssl along

        try:
            open_context(settings)
        except TlsFileError as error:
            problems = error.problems
    for key, message in problems:
        path = f"zabbix.tls.{key}"
        file.problem(path, file.lines.get(path, file.lines.get("zabbix.tls.connect", 0)), message)


def _statistics(file: _File) -> Mapping[State, tuple[str, ...]]:
    """Each state's statistics: its own line, else its group's, else what holds for all."""
    group_of = {state: group for group, states in STATE_GROUPS.items() for state in states}
    chosen = {}
    for state in State:
        given = (file.get(f"statistics.{name}") for name in (state.parameter, group_of[state], "all"))
        chosen[state] = next((names for names in given if names is not None), ())
    return chosen
