"""Reads YAML into `FileValues`: finds duplicate and unknown keys, and values that no option takes."""

from __future__ import annotations

import yaml

from tcpwatchd.config.file_values import BY_PATH, FileValues
from tcpwatchd.config.value_parsers import Option, Steps, path_of, problems_of
from tcpwatchd.model.errors import ConfigError, Problem

_SECTIONS = {path.rsplit(".", depth)[0] for path in BY_PATH for depth in range(1, path.count(".") + 1)}


def read_yaml(text: str, source: str) -> FileValues:
    """All that `text` says; ConfigError if it is not YAML. What else is wrong stands in `problems`."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(source, (Problem("", line, f"is not YAML: {error.problem}"),)) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        words = str(error).splitlines()
        raise ConfigError(source, (Problem("", 0, f"is not YAML: {words[0] if words else ''}"),)) from error
    file = FileValues()
    if root is not None:
        _read_section(file, root, "")
    return file


def _read_section(file: FileValues, node: yaml.Node, path: str) -> None:
    """A mapping; its keys are options or further sections."""
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
        return  # a section whose keys are all commented out
    if not isinstance(node, yaml.MappingNode):
        file.problem(path, node.start_mark.line + 1, "is not a section; write keys below it, indented")
        return
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        inner = f"{path}.{name}" if path else name
        if inner in file.lines:
            file.problem(inner, line, f"stands twice; first in line {file.lines[inner]}")
            continue
        file.lines[inner] = line
        if inner in _SECTIONS:
            _read_section(file, value_node, inner)
        elif inner in BY_PATH:
            _read_value(file, BY_PATH[inner], value_node, line)
        else:
            file.problem(inner, line, f"unknown key{_nearest(inner)}")


def _read_value(file: FileValues, option: Option, node: yaml.Node, line: int) -> None:
    try:
        # Built by the safe loader from this node alone; anything it cannot build is the file's fault.
        given = yaml.SafeLoader("").construct_document(node)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        file.problem(option.path, line, "is not a plain value")
        return
    try:
        file.values[option.path] = option.read(given)
    except ValueError as error:
        for steps, message in problems_of(given, error):
            file.problem(f"{option.path}{path_of(steps)}", _line_of(node, steps, line), message)


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

    known = [*BY_PATH, *_SECTIONS]
    close = difflib.get_close_matches(path.lower(), known, n=1, cutoff=0.75)
    if not close:
        last = path.rsplit(".", 1)[-1].lower()
        ends = {candidate.rsplit(".", 1)[-1]: candidate for candidate in known}
        close = [ends[end] for end in difflib.get_close_matches(last, ends, n=1, cutoff=0.75)]
    return f"; did you mean {close[0]}?" if close else ""
