"""One rule for many things: one test, which lists everything that breaks the rule."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest


def each(things: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make one test of a check. It is called with each of these, a tuple as its first arguments; the rest are fixtures.

    All failures are listed; where every call is skipped, so is the test.
    """
    cases = [one if isinstance(one, tuple) else (one,) for one in things]

    def make(check: Callable[..., None]) -> Callable[..., None]:
        def test(*bound: Any, **fixtures: Any) -> None:
            broken, skipped = [], []
            for case in cases:
                try:
                    check(*bound, *case, **fixtures)
                except pytest.skip.Exception as reason:
                    skipped.append(str(reason))
                except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  the others are to be tried, too
                    broken.append(f"{', '.join(map(repr, case)):.200}: {type(error).__name__}: {error}")
            assert not broken, "\n".join(broken)
            if len(skipped) == len(cases):
                pytest.skip(skipped[0])

        signature = inspect.signature(check)
        names = list(signature.parameters.values())
        method = names[0].name == "self"
        test.__signature__ = signature.replace(parameters=names[:method] + names[method + len(cases[0]):])  # type: ignore[attr-defined]
        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        test.pytestmark = getattr(check, "pytestmark", [])  # type: ignore[attr-defined]
        return test

    return make
