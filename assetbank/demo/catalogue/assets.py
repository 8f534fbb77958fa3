"""The demo catalogue: two fictional brands and 120 drawn images, the same on every machine."""

from __future__ import annotations

import io
import multiprocessing
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from assetbank.demo.catalogue import wording
from assetbank.demo.catalogue.products import FASHION, HOME_AND_TOYS, Product
from assetbank.demo.catalogue.rights import UNCLEAR, Rights, owned, rights
from assetbank.demo.catalogue.shoots import SQUARE, Shot, Size, shots
from assetbank.demo.drawing.render import extended, render
from assetbank.demo.drawing.specs import Spec

ASSETS_PER_BRAND = 60
TWO_YEARS = 730
"""Maximum age of an asset in days."""
JPEG_QUALITY = 90


@dataclass(frozen=True)
class DemoBrand:
    """A brand of the demo."""

    name: str
    slug: str
    palette: list[str]
    """Hex colours, like "#c81c26"."""
    style: str


@dataclass(frozen=True)
class DemoAsset:
    """An asset of the demo: the spec of its image, which is not drawn yet, and its metadata."""

    brand_slug: str
    filename: str
    title: str
    description: str
    tags: tuple[str, ...]
    spec: Spec
    created: date
    rights: Rights
    collection: str
    """Name of its collection; empty: none."""
    size: Size = SQUARE


@dataclass(frozen=True)
class _Campaign:
    """A collection, and what belongs to it: products with certain tags, or certain scenes."""

    name: str
    """May contain {year}: the year of the next summer."""
    scenes: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    oldest: int = TWO_YEARS
    """Maximum age of its assets in days."""

    def includes(self, spec: Spec, product: Product) -> bool:
        """Return whether an image of the product belongs to the campaign."""
        return spec.scene in self.scenes or not self.tags.isdisjoint(product.tags)


@dataclass(frozen=True)
class _BrandPlan:
    """A brand, and what its assets are made of."""

    brand: DemoBrand
    prefix: str
    """Start of its file names."""
    products: tuple[Product, ...]
    campaigns: tuple[_Campaign, ...]
    """An asset belongs to the first that includes it."""
    careless_names: tuple[str, ...]
    """Meaningless file names, as they occur in every shared folder."""

    @property
    def studio(self) -> str:
        return f"{self.brand.name} studio"


_SUMMER = _Campaign("Summer {year}", scenes=frozenset({"beach", "sunset"}), oldest=200)

_BRAND_PLANS = (
    _BrandPlan(
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
        products=FASHION,
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
    _BrandPlan(
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
        products=HOME_AND_TOYS,
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
    """Return the brands of the demo."""
    return [plan.brand for plan in _BRAND_PLANS]


def assets(today: date) -> list[DemoAsset]:
    """Return all assets of both brands; only dates, and texts with dates, depend on `today`."""
    return [asset for plan in _BRAND_PLANS for asset in _assets_of(plan, today)]


def _assets_of(plan: _BrandPlan, today: date) -> Iterator[DemoAsset]:
    rng = random.Random(plan.brand.slug)
    products = {product.obj: product for product in plan.products}
    all_shots = shots(plan.products, ASSETS_PER_BRAND, rng)
    open_shots = [number for number, shot in enumerate(all_shots, 1) if not shot.chosen]
    careless = dict(
        zip(rng.sample(open_shots, len(plan.careless_names)), plan.careless_names, strict=True)
    )
    for number, shot in enumerate(all_shots, 1):
        yield _asset(plan, number, shot, products[shot.spec.obj], today, careless.get(number), rng)


def _asset(
    plan: _BrandPlan,
    number: int,
    shot: Shot,
    product: Product,
    today: date,
    careless_name: str | None,
    rng: random.Random,
) -> DemoAsset:
    campaign = next((c for c in plan.campaigns if c.includes(shot.spec, product)), None)
    if campaign and rng.random() < 0.15:
        campaign = None  # some assets are in no collection, as in real libraries
    oldest = campaign.oldest if campaign else TWO_YEARS
    created = today - timedelta(days=rng.randint(3, oldest - 1))
    terms = rights(plan.studio, created, today, rng)
    if shot.chosen:
        terms = owned(plan.studio)
    if careless_name:
        terms = UNCLEAR
    collection = campaign.name.format(year=_next_summer(today)) if campaign else ""
    filename = wording.filename(plan.prefix, number, shot, product, rng)
    return DemoAsset(
        brand_slug=plan.brand.slug,
        filename=careless_name or filename,
        title=wording.title(shot.spec, product, rng),
        description=wording.description(shot, product, collection),
        tags=wording.tags(shot.spec, product),
        spec=shot.spec,
        created=created,
        rights=terms,
        collection=collection,
        size=shot.size,
    )


def _next_summer(today: date) -> int:
    return today.year if today.month <= 8 else today.year + 1


def draw(asset: DemoAsset) -> bytes:
    """Return the file of an asset: JPEG or PNG by its name, with `asset.size` pixels."""
    image = extended(render(asset.spec, min(asset.size)), *asset.size)
    file = io.BytesIO()
    if asset.filename.lower().endswith(".png"):
        image.save(file, "PNG")
    else:
        image.save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def draw_all(assets: Sequence[DemoAsset], processes: int = 2) -> Iterator[tuple[DemoAsset, bytes]]:
    """Draw in several processes; yield each asset with its file, in the given order."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from zip(assets, pool.imap(draw, assets, chunksize=2), strict=True)
