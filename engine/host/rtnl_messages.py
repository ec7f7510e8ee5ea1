"""rtnetlink(7)'s messages, as pyroute2 encodes and decodes them, without the rest of pyroute2.

Its package file imports all of it: 9 MB and 150 modules of clients and protocols that the engine never uses. So the
package is entered without running that file; whoever imports ``pyroute2`` itself later still gets all of it.
"""

import importlib
import importlib.util
import sys
from typing import Any, Final

_PACKAGE: Final = "pyroute2"
_MODULES: Final = ("ifaddrmsg", "ifinfmsg", "rtmsg")


def _load() -> list[Any]:
    is_loaded = _PACKAGE in sys.modules
    spec = None if is_loaded else importlib.util.find_spec(_PACKAGE)
    if spec is not None:
        sys.modules[_PACKAGE] = importlib.util.module_from_spec(spec)
    try:
        return [getattr(importlib.import_module(f"{_PACKAGE}.netlink.rtnl.{name}"), name) for name in _MODULES]
    finally:
        if not is_loaded:
            sys.modules.pop(_PACKAGE, None)


ifaddrmsg, ifinfmsg, rtmsg = _load()
