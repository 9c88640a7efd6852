"""Two packages whose names are also verbs: ``hwgen.ops()`` and ``hwgen.report(...)``.

Importing a package sets its name in ``hwgen``, where it would hide the verb of that name; so the
package itself can be called.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["also_a_verb"]


class _VerbPackage(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Any:
        verb = self.__name__.rpartition(".")[2]
        return getattr(import_module("hwgen.flow"), verb)(*args, **options)


def also_a_verb(package: str) -> None:
    """Let a call of the package call the function of its name in ``hwgen.flow``."""
    sys.modules[package].__class__ = _VerbPackage
