"""A configuration as a frozen Config; every problem of a file is reported at once.

Checks values that depend on each other. The keys themselves are rows of `options.OPTIONS`.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from tcpwatchd.config.file_values import FileValues, patterns_of, statistics_of
from tcpwatchd.config.options import LISTENERS
from tcpwatchd.diagnosis.services import Service
from tcpwatchd.metrics.key_patterns import KeyPattern, of_dialect
from tcpwatchd.model.errors import ConfigError, Problem
from tcpwatchd.model.printable import NAME_CHARACTERS, printable
from tcpwatchd.model.sockets import State
from tcpwatchd.zabbix.tls import UNENCRYPTED, TlsSettings, contradictions

DEFAULT_PATH = Path("/etc/tcpwatchd/config.yaml")


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


def parse(text: str, source: str, with_files: bool = False) -> Config:
    """The configuration that `text` (YAML) describes. Raises ConfigError with all problems.

    The files that it names are read only `with_files`: `sample` and `explain` need no key.
    """
    file = _read(text, source)
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


def _read(text: str, source: str) -> FileValues:
    if not text:
        return FileValues()  # `sample` on a host without a file does not wait for a parser
    from tcpwatchd.config.yaml_text import read_yaml  # noqa: PLC0415 - as above

    return read_yaml(text, source)


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


def _config(file: FileValues) -> Config:
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
        key_patterns=patterns_of(file),
        services=file.get("services") or (),
        discover=file.get("discover") == LISTENERS,
        namespaces=file.get("namespaces"),
        statistics=statistics_of(file),
    )


def _check_keys(file: FileValues, config: Config) -> None:
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


def _check_tls(file: FileValues, settings: TlsSettings, with_files: bool) -> None:
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
