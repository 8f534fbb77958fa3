"""Matrix of a batch: the request that its cells share, and the product or value of each cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assetbank import text
from assetbank.models import Asset
from generation.errors import InvalidRequest
from generation.models import Batch, PresetVersion, Role
from generation.prompting import presets

MAX_CELLS = 200
MAX_VALUE_LENGTH = 200  # characters: the label of a cell holds no more


@dataclass(frozen=True)
class Cell:
    """The part of a request that differs between the generations of a batch."""

    label: str
    prompt: str
    references: tuple[Asset, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    roles: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Matrix:
    """A request with one cell for each of `products`, or for each of `values`.

    A value replaces `variable`: a variable of the preset, or {variable} in the prompt. All cells
    have the references `base`."""

    prompt: str
    preset_version: PresetVersion | None = None
    base: Sequence[Asset] = ()
    products: Sequence[Asset] = ()
    variable: str = ""
    values: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[int, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return Batch.Kind.VALUES if self.variable else Batch.Kind.PRODUCTS

    @property
    def title(self) -> str:
        line = text.clean_text(self.prompt).partition("\n")[0]
        title = f"{self.preset_version.preset}: {line}" if self.preset_version else line
        return (title if len(title) <= 120 else f"{title[:119]}…").removesuffix(": ")

    def cells(self) -> list[Cell]:
        """Return the cells in order, 1 to MAX_CELLS. Raises InvalidRequest."""
        if not (self.preset_version or self.prompt.strip()):
            raise InvalidRequest("Describe the image to generate.", code="empty_prompt")
        if self.variable and self.products:
            raise InvalidRequest("Choose either several products or several values.")
        many = len(self._values()) if self.variable else len(set(self.products))
        if not many:
            what = "value" if self.variable else "product"
            raise InvalidRequest(f"Enter at least one {what}: each becomes a variation.")
        if many > MAX_CELLS:
            raise InvalidRequest(
                f"This request has {many} variations, and a batch has at most {MAX_CELLS}. "
                "Split it into several batches.",
                code="too_many_cells",
            )
        return self._by_value() if self.variable else self._by_product()

    def _by_product(self) -> list[Cell]:
        base_ids = {asset.pk for asset in self.base}
        prompt, variables = self._fill({})
        cells = []
        for product in dict.fromkeys(self.products):
            if product.pk in base_ids:
                raise InvalidRequest(
                    f"“{product}” is already a reference of every image: it cannot be a "
                    "product too."
                )
            roles = {product.pk: Role.PRODUCT.value, **self.roles}
            cells.append(
                Cell(product.display_title, prompt, (*self.base, product), variables, roles)
            )
        return cells

    def _by_value(self) -> list[Cell]:
        cells = []
        for value in self._values():
            if len(value) > MAX_VALUE_LENGTH:
                raise InvalidRequest(
                    f"A value has more than {MAX_VALUE_LENGTH} characters. Shorten it."
                )
            prompt, variables = self._fill({self.variable: value})
            cells.append(Cell(value, prompt, tuple(self.base), variables, dict(self.roles)))
        return cells

    def _values(self) -> list[str]:
        cleaned = (" ".join(text.clean_text(value).split()) for value in self.values)
        return list(dict.fromkeys(filter(None, cleaned)))

    def _fill(self, own: dict[str, str]) -> tuple[str, dict[str, str]]:
        """Return the prompt of a cell, and the values of all variables; `own` are the values of
        this cell alone."""
        variables = {**self.variables, **own}
        if self.preset_version:
            prompt = presets.fill_prompt(self.preset_version, variables, self.prompt)
            return prompt, presets.variable_values(self.preset_version, variables)
        prompt = self.prompt
        for name, value in own.items():
            if f"{{{name}}}" not in prompt:
                raise InvalidRequest(f"Write {{{name}}} in the prompt where the values belong.")
            prompt = prompt.replace(f"{{{name}}}", value)
        return prompt, own
