"""Opens Zabbix's API with zabbix_utils, Zabbix's own library, and explains its errors."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tcpwatchd.model.errors import TcpwatchdError
from tcpwatchd.model.printable import one_line


class SetupError(TcpwatchdError):
    """A call of the API that failed, or something in Zabbix that is not as it has to be."""


Call = Callable[[str, Any], Any]
"""Method and parameters → result. SetupError."""

# Importing a template of 200 items takes a busy server a while; a request for all hosts as well.
_TIMEOUT_S = 60
_VERSIONS = "the template needs Zabbix 6.0 or later"
_RIGHTS = (
    "the user of the token needs read-write permission to the hosts and templates, and for actions the role "
    "of an Admin or Super admin"
)


def read_token(path: Path) -> str:
    """The API token in a file. SetupError."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no ASCII text"
        raise SetupError(f"{path}: the API token cannot be read", reason or "") from error
    if not token or len(token.split()) != 1:
        raise SetupError(
            f"{path}: is no API token",
            "it has to hold the token alone",
            "create one in Zabbix under Users → API tokens (6.0: User settings)",
        )
    return token


def open_api(url: str, token: str, ca_file: Path | None = None) -> Call:
    """The API at this address of the frontend. SetupError if there is none, or if it is older than 6.0."""
    try:
        import zabbix_utils  # type: ignore[import-untyped] # noqa: PLC0415 - an extra without types
        from zabbix_utils import exceptions  # noqa: PLC0415 - as above
    except ImportError as error:
        raise SetupError(
            "`tcpwatchd setup` needs the library zabbix_utils", "", "pip install 'tcpwatchd[setup]'"
        ) from error
    try:
        context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
    except OSError as error:
        raise SetupError(f"{ca_file}: no certificates can be read", error.strerror or str(error)) from error

    def guarded(what: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except exceptions.APIRequestError as error:
            raise SetupError(f"Zabbix refused {what}", *_words(error)) from error
        except exceptions.APINotSupported as error:
            raise SetupError(f"{url}: {one_line(str(error))}", "", _VERSIONS) from error
        except exceptions.ModuleBaseException as error:
            raise SetupError(f"{url}: {one_line(str(error))}", "", _look_at(str(error))) from error
        except OSError as error:  # a time-out while the answer is read
            raise SetupError(f"{url}: {error.strerror or error}") from error

    def opened() -> Any:
        return zabbix_utils.ZabbixAPI(
            url=url, token=token, ssl_context=context, timeout=_TIMEOUT_S, skip_version_check=True
        )

    api = guarded("apiinfo.version", opened)
    if api.version < 6.0:
        raise SetupError(f"{url}: is Zabbix {api.version}", "", _VERSIONS)

    def call(method: str, params: Any) -> Any:
        thing, _, verb = method.partition(".")
        return guarded(method, lambda: getattr(getattr(api, thing), verb)(params))

    return call


def _words(error: Any) -> tuple[str, str]:
    """Zabbix's own words, and what to do; not the whole error, which has the request with its token in it."""
    words = one_line(f"{getattr(error, 'message', '')} {getattr(error, 'data', '')}".strip())
    lowered = words.lower()
    if "not authori" in lowered or "session terminated" in lowered or "re-login" in lowered:
        return words, "is the token right, enabled and not expired?"
    return words, _RIGHTS if "permission" in lowered else ""


def _look_at(words: str) -> str:
    if "certificate" in words.lower() or "ssl" in words.lower():
        return "--ca-file FILE names the authority of the frontend's certificate"
    return "--url is the address of the frontend, as in the browser"
