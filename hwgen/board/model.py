"""What a board file says: data only, so that a new board is one new file."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["Board", "Clock", "Flash", "Led", "LinkPins", "Pin", "Reset", "Resources", "Tie"]

_SITE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_IO = re.compile(r"[A-Z][A-Z0-9_]*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _check(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"must be {what}")
        return text

    return AfterValidator(check)


# These words reach constraint files and tool arguments.
Site = Annotated[str, _check(_SITE, "a letter, then letters, digits and underscores")]
Io = Annotated[str, _check(_IO, "an upper-case letter, then those, digits and underscores")]
Device = Annotated[str, _check(re.compile(r"[A-Za-z0-9_-]+"), "letters, digits, - and _")]
Setting = Annotated[str, _check(re.compile(r"[A-Z0-9.]+"), "capitals, digits and dots")]
Name = Annotated[str, _check(_NAME, "a lower-case letter, then those, digits and underscores")]


class _Doc(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )


class Pin(_Doc):
    """A pin of the FPGA."""

    pin: Site
    """Ball of the package."""
    io: Io = "LVCMOS33"
    """Electrical standard, as the family's tools name it."""
    pull: Literal["up", "down", "none"] = "none"
    """Resistor inside the pin."""
    drive: int | None = Field(default=None, ge=1, le=24)
    """Output strength in mA; the family's default without it."""


class Clock(Pin):
    """The oscillator."""

    mhz: float = Field(gt=0, le=1000)
    """Frequency in MHz."""


class Reset(Pin):
    """A button that resets everything."""

    active: Literal["low", "high"]
    """Level of the pressed button."""


class LinkPins(_Doc):
    """The UART to the host: 8 data bits, no parity, 1 stop bit."""

    baud: int = Field(ge=1200, le=12_000_000)
    """Bits per second that the USB bridge makes exactly."""
    rx: Pin
    """The FPGA receives here."""
    tx: Pin
    """The FPGA sends here."""


class Led(Pin):
    """A light, on at 1."""


class Tie(Pin):
    """A pin that must have a constant level."""

    level: Literal[0, 1]
    """That level."""


class Resources(_Doc):
    """What the device has."""

    lut4: int = Field(ge=1)
    """Four-input lookup tables."""
    ff: int = Field(ge=1)
    """Flip-flops."""
    multipliers: int = Field(ge=0)
    """Hard multipliers."""
    block_ram: int = Field(ge=0)
    """Block memories."""


class Flash(_Doc):
    """How a bitstream gets into the board."""

    command: list[str] = Field(min_length=2)
    """Program and arguments; ``{bitstream}`` stands for the file."""


class Board(_Doc):
    """A board."""

    hwgen_board: Literal[1]
    """Version of this file format."""
    name: Name
    """The file's name without ``.yaml``."""
    title: str
    """One line for ``hwgen boards``."""
    family: Name
    """FPGA family; a module of ``hwgen/board/families``."""
    device: Device
    """Device, as the family's tools name it."""
    package: Site
    """Package, as the family's tools name it."""
    speed: int = Field(ge=1, le=9)
    """Speed grade."""
    resources: Resources
    """What the device has."""
    clock: Clock
    """The oscillator."""
    reset: Reset | None = None
    """The reset button."""
    link: LinkPins
    """The UART."""
    leds: list[Led] = Field(default_factory=list, max_length=32)
    """Lights; ``docs/boards.md`` says what they show."""
    ties: dict[Name, Tie] = Field(default_factory=dict)
    """Pins with a constant level."""
    config: dict[Io, Setting] = Field(default_factory=dict)
    """Settings of the configuration port, as the family's tools name them."""
    flash: Flash
    """How a bitstream gets into the board."""
