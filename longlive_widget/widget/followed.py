"""Traits of a studio whose value is the runner's own: there is no second copy to go stale."""

from collections.abc import Callable
from typing import Any, TypeVar

import traitlets

_Got = TypeVar("_Got")
_Set = TypeVar("_Set")


class Followed(traitlets.TraitType[_Got, _Set]):
    """Reads what is so now; an assignment asks for it, and observers hear of it once it is so.

    Without `write` it cannot be assigned: that is a `traitlets.TraitError`.
    """

    def __init__(
        self, read: Callable[[Any], _Got], write: Callable[[Any, _Set], object] | None = None
    ) -> None:
        super().__init__(read_only=write is None)
        self._read = read
        self._write = write

    def get(self, obj: traitlets.HasTraits, cls: type[Any] | None = None) -> _Got:
        """What is so now; `cls` is not asked for."""
        del cls
        return self._read(obj)

    def set(self, obj: traitlets.HasTraits, value: _Set) -> None:
        """Ask for it."""
        if self._write is not None:
            self._write(obj, value)


class Told:
    """What the observers of an object's followed traits were told last."""

    def __init__(self, owner: traitlets.HasTraits, *names: str) -> None:
        self._owner = owner
        self._values = {name: getattr(owner, name) for name in names}

    def tell(self) -> None:
        """Notify of each that is another one now."""
        for name, old in list(self._values.items()):
            new = getattr(self._owner, name)
            if new != old:
                self._values[name] = new
                self._owner.notify_change(
                    traitlets.Bunch(name=name, old=old, new=new, owner=self._owner, type="change")
                )
