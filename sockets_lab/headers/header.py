"""What all headers have in common: values that never change, read from bytes and written to bytes.

A header class is a frozen dataclass whose fields are declared with `bits` and `rest`, in the order of the wire.
Nothing here touches a socket: bytes go in, values come out, and the other way round.
"""

from dataclasses import field, fields
from typing import Any, ClassVar, Self, TypeVar, cast

from sockets_lab.errors import BadInput
from sockets_lab.headers.fields import Field, Layout, Spelling


class NotAPacket(BadInput):
    """These bytes do not begin with the header that was asked for. The one error that reading bytes can raise."""


def bits(width: int, meaning: str, source: str, default: Any = 0, spelling: Spelling | None = None) -> Any:
    """Declare a field of that many bits; see `Field`."""
    about = {"width": width, "meaning": meaning, "source": source, "spelling": spelling}
    return field(default=default, metadata=about)


def rest(meaning: str, source: str, default: bytes = b"") -> Any:
    """Declare the last field, which takes all that is left of the header; see `Field`."""
    return field(default=default, metadata={"width": None, "meaning": meaning, "source": source})


class Header:
    """One header: its fields are attributes; `layout` tells where they lie. Subclasses say what their numbers mean."""

    layout: ClassVar[Layout]
    TESTED: ClassVar[bool]  # whether `wrong` has anything to say: reading has to be quick
    LARGE: ClassVar[bool] = False  # what it carries may have more bytes than a length of 16 bits can say: RFC 2675
    SIZE: ClassVar[tuple[str, int, int]]  # with `rest`: the field that tells the size, its unit in bytes, bytes added

    def __post_init__(self) -> None:
        for name, one in self.layout.fields.items():
            object.__setattr__(self, name, one.checked(getattr(self, name)))  # frozen: it cannot simply be assigned
        if unfit := self.unfit():
            raise BadInput(unfit)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Make a header of values that fit already, as those do that were read: `__init__` would check them again."""
        header = cls.__new__(cls)
        vars(header).update(values)
        return header

    @classmethod
    def name(cls) -> str:
        """The protocol's name, for sentences and pictures."""
        return cls.__name__

    @classmethod
    def take(cls, data: bytes, at: int, end: int, before: "Header | None" = None) -> tuple[Self, int]:
        """Read the header that begins at byte `at`; nothing from byte `end` on belongs to it.

        Args: before: the header that carries this one. Returns: the header, and the number of the first byte behind it.
        Raises: NotAPacket, with a sentence, where it is cut off or contradicts itself.
        """
        layout = cls.layout
        behind = at + layout.size
        if behind > end:
            raise NotAPacket(f"{cls.name()} needs {layout.size} bytes, and there are {max(end - at, 0)}.")
        values = layout.read(data, at)
        if more := layout.rest:
            told, unit, added = cls.SIZE
            begin, behind = behind, at + values[told] * unit + added
            if not begin <= behind <= end:
                raise NotAPacket(f"{cls.name()} says it has {behind - at} bytes, not {layout.size} to {end - at}.")
            values[more.name] = data[begin:behind]
        header = cls.of(values)
        if cls.TESTED and (wrong := header.wrong(before)):
            raise NotAPacket(wrong)
        return header, behind

    def changed(self, **values: Any) -> Self:
        """Return this header with some fields changed, and no other: checksums become wrong, as on purpose.

        Raises: BadInput, where there is no such field, or the value does not fit.
        """
        fields, kept = self.layout.fields, vars(self).copy()
        for name, value in values.items():
            if name not in fields:
                raise BadInput(f"{self.name()} has no field {name}: it has {', '.join(fields)}.")
            kept[name] = fields[name].checked(value)
        header = self.of(kept)
        if unfit := header.unfit():
            raise BadInput(unfit)
        return header

    @property
    def size(self) -> int:
        """Bytes of this header, options included."""
        more = self.layout.rest
        return self.layout.size + len(getattr(self, more.name)) if more else self.layout.size

    def __bytes__(self) -> bytes:
        return self.layout.write(vars(self))

    # What a kind of header says about itself, where it has something to say.

    def unfit(self) -> str:
        """Return a sentence where no header can be written with such a rest, whatever its numbers are; else ""."""
        return ""

    def wrong(self, before: "Header | None") -> str:
        """Return a sentence where the header contradicts itself, so that nothing in it can be believed; else ""."""
        return ""

    def promised(self, before: "Header | None") -> int | str | None:
        """Return how many bytes follow this header; a sentence where its length is open; None where it has none."""
        return None

    def following(self) -> "type[Header] | str":
        """Return the kind of the header that follows, or a sentence why none can be read; "" where payload follows."""
        return ""

    def fitted(self, content: int, following: "type[Header] | None") -> Self:
        """Return this header with its lengths, and the number of what follows, as they have to be.

        Args: content: bytes behind this header; following: the next header's kind, None: leave the number alone.
        Raises: BadInput, where that much, or that kind, cannot follow.
        """
        if following:
            raise BadInput(f"{following.name()} cannot stand in {self.name()}: put the payload there instead.")
        return self

    def _number(self, numbers: "dict[int, type[Header]]", following: "type[Header] | None", now: int) -> int:
        """Return the number under which `following` stands, or the present one where nothing known follows."""
        if following is None:
            return now
        for number, kind in numbers.items():
            if kind is following:
                return number
        names = ", ".join(kind.name() for kind in numbers.values())
        raise BadInput(f"{following.name()} cannot stand in {self.name()}: put one of {names} there.")


H = TypeVar("H", bound=Header)


def laid_out(cls: type[H]) -> type[H]:
    """Work out the layout of a header class from the fields that it declares."""
    found, offset = [], 0
    for one in fields(cast(Any, cls)):
        found.append(Field(one.name, offset, **one.metadata))
        offset += one.metadata["width"] or 0
    cls.layout = Layout(tuple(found))
    cls.TESTED = cls.wrong is not Header.wrong
    return cls
