"""The demo catalogue: two made-up brands and 120 drawn pictures, the same on every machine."""

from __future__ import annotations

import io
import multiprocessing
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from assetbank.demo.catalogue import wording
from assetbank.demo.catalogue.products import FASHION, HOME_AND_TOYS, Ware
from assetbank.demo.catalogue.rights import UNCLEAR, Rights, owned, rights
from assetbank.demo.catalogue.shoots import SQUARE, Shot, Size, shots
from assetbank.demo.drawing.render import extended, render
from assetbank.demo.drawing.specs import Spec

ASSETS_PER_BRAND = 60
TWO_YEARS = 730
"""Days; the oldest picture is nearly that old."""
JPEG_QUALITY = 90


@dataclass(frozen=True)
class DemoBrand:
    name: str
    slug: str
    palette: list[str]
    """Hex colours, like "#c81c26"."""
    style: str


@dataclass(frozen=True)
class DemoAsset:
    """A picture, not yet drawn, with all that is known about it."""

    brand_slug: str
    filename: str
    title: str
    description: str
    tags: tuple[str, ...]
    spec: Spec
    created: date
    rights: Rights
    collection: str
    """Empty for a picture that is in none."""
    size: Size = SQUARE


@dataclass(frozen=True)
class _Campaign:
    """A collection, and what goes into it: wares, or anything in certain scenes."""

    name: str
    """May contain {year}, the year of the summer to come."""
    scenes: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    oldest: int = TWO_YEARS
    """Age in days of its oldest pictures."""

    def takes(self, spec: Spec, ware: Ware) -> bool:
        return spec.scene in self.scenes or not self.tags.isdisjoint(ware.tags)


@dataclass(frozen=True)
class _House:
    """A brand and where its pictures come from."""

    brand: DemoBrand
    prefix: str
    """Of its file names."""
    wares: tuple[Ware, ...]
    campaigns: tuple[_Campaign, ...]
    """A picture goes into the first that takes it."""
    careless_names: tuple[str, ...]
    """File names that say nothing, as they turn up in every shared folder."""

    @property
    def studio(self) -> str:
        return f"{self.brand.name} studio"


_SUMMER = _Campaign("Summer {year}", scenes=frozenset({"beach", "sunset"}), oldest=200)

_HOUSES = (
    _House(
        DemoBrand(
            name="Maison Orvelle",
            slug="maison-orvelle",
            palette=["#c81c26", "#161c3c", "#dec8a4", "#d6a83a", "#f6f6f4"],
            style=(
                "Quiet luxury with one loud colour: a single product, large and slightly turned,"
                " soft shadow, calm grey or sand-coloured background, scarlet and gold accents."
                " No people and no lettering."
            ),
        ),
        prefix="orvelle",
        wares=FASHION,
        campaigns=(
            _SUMMER,
            _Campaign("Holiday gifts", scenes=frozenset({"snow"}), oldest=400),
            _Campaign("Evening edit", scenes=frozenset({"stage", "night"})),
            _Campaign("City essentials", scenes=frozenset({"city"})),
            _Campaign("Gift guide", tags=frozenset({"gifts"}), oldest=500),
            _Campaign("Shop packshots", scenes=frozenset({"white"})),
        ),
        careless_names=(
            "download (26).jpeg",
            "IMG_4412.JPG",
            "final_FINAL2.png",
            "WhatsApp Image 10.14.33.jpeg",
            "Untitled-3.jpg",
        ),
    ),
    _House(
        DemoBrand(
            name="Tumblewick",
            slug="tumblewick",
            palette=["#3cc4c0", "#f8d828", "#f37c16", "#265cda", "#7a36ac", "#ffffff"],
            style=(
                "Playful and bright: toys and things for the home in clear colours, simple rounded"
                " shapes with thin outlines, friendly faces, daylight. Nothing scary, no brand"
                " names of others, no lettering."
            ),
        ),
        prefix="tumblewick",
        wares=HOME_AND_TOYS,
        campaigns=(
            _Campaign("Heroes club", tags=frozenset({"heroes"})),
            _SUMMER,
            _Campaign("Holiday gifts", scenes=frozenset({"snow"}), oldest=400),
            _Campaign("Party season", scenes=frozenset({"stage", "night"})),
            _Campaign("Small screens", tags=frozenset({"devices"}), oldest=450),
            _Campaign("House and table", tags=frozenset({"kitchen", "living room"})),
        ),
        careless_names=(
            "DSC_0193.JPG",
            "image0007.jpeg",
            "new new (1).png",
            "Copy of banner v3 OLD.jpg",
            "scan.jpeg",
        ),
    ),
)


def brands() -> list[DemoBrand]:
    return [house.brand for house in _HOUSES]


def assets(today: date) -> list[DemoAsset]:
    """All pictures of both brands; only the dates, and texts that name them, follow `today`."""
    return [asset for house in _HOUSES for asset in _assets_of(house, today)]


def _assets_of(house: _House, today: date) -> Iterator[DemoAsset]:
    rng = random.Random(house.brand.slug)
    wares = {ware.obj: ware for ware in house.wares}
    taken = shots(house.wares, ASSETS_PER_BRAND, rng)
    open_shots = [number for number, shot in enumerate(taken, 1) if not shot.chosen]
    careless = dict(
        zip(rng.sample(open_shots, len(house.careless_names)), house.careless_names, strict=True)
    )
    for number, shot in enumerate(taken, 1):
        yield _asset(house, number, shot, wares[shot.spec.obj], today, careless.get(number), rng)


def _asset(
    house: _House,
    number: int,
    shot: Shot,
    ware: Ware,
    today: date,
    careless_name: str | None,
    rng: random.Random,
) -> DemoAsset:
    campaign = next((c for c in house.campaigns if c.takes(shot.spec, ware)), None)
    if campaign and rng.random() < 0.15:
        campaign = None  # forgotten, as happens
    oldest = campaign.oldest if campaign else TWO_YEARS
    created = today - timedelta(days=rng.randint(3, oldest - 1))
    granted = rights(house.studio, created, today, rng)
    if shot.chosen:
        granted = owned(house.studio)
    if careless_name:
        granted = UNCLEAR
    collection = campaign.name.format(year=_next_summer(today)) if campaign else ""
    filename = wording.filename(house.prefix, number, shot, ware, rng)
    return DemoAsset(
        brand_slug=house.brand.slug,
        filename=careless_name or filename,
        title=wording.title(shot.spec, ware, rng),
        description=wording.description(shot, ware, collection),
        tags=wording.tags(shot.spec, ware),
        spec=shot.spec,
        created=created,
        rights=granted,
        collection=collection,
        size=shot.size,
    )


def _next_summer(today: date) -> int:
    return today.year if today.month <= 8 else today.year + 1


def draw(asset: DemoAsset) -> bytes:
    """The file: JPEG or PNG, as its name says, `asset.size` pixels large."""
    picture = extended(render(asset.spec, min(asset.size)), *asset.size)
    file = io.BytesIO()
    if asset.filename.lower().endswith(".png"):
        picture.save(file, "PNG")
    else:
        picture.save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def draw_all(assets: Sequence[DemoAsset], processes: int = 2) -> Iterator[tuple[DemoAsset, bytes]]:
    """Draws in several processes; the files come as they are ready, in the order given."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from zip(assets, pool.imap(draw, assets, chunksize=2), strict=True)
