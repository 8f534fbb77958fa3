"""The library that database queries are counted over: every page has several rows to show, and
`grow` adds as many again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from assetbank import notifications
from assetbank.assets import approval, collections, downloads, trash, versions
from assetbank.assets.metadata import custom_fields, field_definitions
from assetbank.history import changes_of
from assetbank.models import (
    Asset,
    AssetSource,
    Brand,
    IdempotentRequest,
    Membership,
    RenderedFile,
    WatchedFolder,
)
from generation.models import (
    Batch,
    BatchJob,
    BrandRules,
    EngineModel,
    Generation,
    LedgerEntry,
    Output,
    Preset,
    PresetVersion,
    SpendingCap,
    Turn,
    Webhook,
    WebhookDelivery,
)
from generation.pipeline import cancel_generation
from generation.review import verdicts
from generation.workflows import withdrawal
from search.models import (
    Comparison,
    DuplicateDismissal,
    DuplicatePair,
    QueryImage,
    QueryLog,
    ShootListItem,
)
from search.query import Filters, SearchQuery, search
from search.saved import golden, searches
from tests.conftest import Cast, picture_bytes
from tests.generation.requests import answered, ask, run

MODEL = "gemini-nano-banana-2.1"  # one that refines and makes drafts again, larger
PARTS = [{"output": 0, "thoughtSignature": "c2lnbmVk"}]
SAID = {"prompt": "A cape", "references": [], "role": "model", "parts": PARTS}


class Library:
    """One object for each kind of page; `grow` adds sibling and child rows."""

    def __init__(self, cast: Cast, make_asset: Callable[..., Asset], index: Callable[[], int]):
        self.cast, self._make, self._index, self._part = cast, make_asset, index, 0
        self.change = ""  # id of a change of `shown`, once the library has grown
        User.objects.filter(pk=cast.staff.pk).update(is_superuser=True)
        field_definitions.define_field(brand=cast.acme, by=cast.manager, label="SKU")
        custom_fields.fields_of(cast.acme)  # Every process reads them once
        cast.staff.refresh_from_db()
        self.shown, self.draft = make_asset(title="Red cape"), make_asset(status="draft")
        self._replace()
        self.withdrawn, self.trashed = make_asset(), make_asset()
        trash.trash_assets(assets=[self.trashed], by=cast.manager)
        self.unclear = make_asset(terms_to_check="Editorial use only")
        self.collection = self._collection("Launch")
        self.batch = self._batch()
        self.preset = Preset.objects.create(name="Cape", slug="cape", brand=cast.acme)
        self.hook = self._webhook()
        self.generation = self._generation(batch=self.batch)
        self.output: Output = self.generation.outputs.get()
        self.waiting, self.cancelled = ask(cast, prompt="A hat"), ask(cast, batch=self.batch)
        cancel_generation(person=cast.creator, generation=self.cancelled)
        self.withdrawal = withdrawal.withdraw_rights(
            person=cast.manager, asset=self.withdrawn, reason="It ended."
        )
        # So that its picture can be refined and finalised; nothing is sent
        Generation.objects.filter(pk=self.generation.pk).update(model=MODEL, image_size="1K")
        Turn.objects.create(take=self.output.take, content=SAID)
        self._index()
        question = SearchQuery(text="cape", filters=Filters(kinds=("product",)))
        self.saved = searches.save_search(
            brand=cast.acme, name="Capes", question=question, by=cast.creator
        )
        self.golden = golden.add_golden_query(
            brand=cast.acme, question=question, expected=[self.shown], by=cast.manager
        )
        self.picture = self._picture()
        search(person=cast.creator, question=SearchQuery(text="cape"))
        self.asked = QueryLog.objects.get()
        self.wanted = ShootListItem.objects.create(words="cape")
        BrandRules.objects.create(brand=cast.acme, voice="Calm.", anchors=self.collection)
        for asset in (self.shown, self.draft):  # rendered once, and then kept
            downloads.render_download(asset=asset, fmt="png", side=40)
        with connection.cursor() as cursor:  # a worker, so that all parts are well
            cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")

    @property
    def ids(self) -> dict[str, Any]:
        """Return what the addresses name. Lists keep their length when the library grows: a request
        that names more assets may take more queries."""
        return {
            "acme": self.cast.acme.pk,
            "shown": self.shown.pk,
            "draft": self.draft.pk,
            "drafts": [self.draft.pk, self.output.asset_id],
            "listed": [self.shown.pk, self.draft.pk],
            "both": [self.shown.pk, self.draft.pk],
            "withdrawn": self.withdrawn.pk,
            "unclear": self.unclear.pk,
            "trashed": self.trashed.pk,
            "collection": self.collection.pk,
            "change": self.change,
            "saved": self.saved.pk,
            "golden": self.golden.pk,
            "picture_uuid": self.picture.pk,
            "asked_uuid": self.asked.pk,
            "wanted": self.wanted.pk,
            "generation": self.generation.pk,
            "cancelled": self.cancelled.pk,
            "waiting": self.waiting.pk,
            "batch": self.batch.pk,
            "output": self.output.pk,
            "made": self.output.asset_id,
            "preset": self.preset.slug,
            "preset_pk": self.preset.pk,
            "hook": self.hook.pk,
            "withdrawal": self.withdrawal.pk,
            "creator": self.cast.creator.pk,
        }

    def grow(self) -> None:
        """Add rows to every table, as many each time."""
        self._part += 1
        brand, person = self._brand()
        assets = [
            self._make(tags=["cape", f"tag {self._part}.{number}"], title=f"Cape {number}")
            for number in range(6)
        ]
        drafts = [self._make(status="draft", by=person, tags=["hat"]) for _ in range(3)]
        self._fields(assets)
        made = self._generations(assets, drafts)
        self._ledger(made)
        self._library(assets, drafts, brand)
        self._studio(made, assets, person)
        self._index()
        self._search(assets, drafts, person)
        self.change = changes_of(self.shown)[0].id

    # ------------------------------------------------------------------------ what grows

    def _brand(self) -> tuple[Brand, User]:
        """Add a brand of the same users, and a user of both brands."""
        name = f"brand-{self._part}"
        brand = Brand.objects.create(name=name, slug=name)
        person = User.objects.create_user(f"person-{self._part}")
        for user, role in ((self.cast.creator, "creator"), (self.cast.manager, "manager")):
            Membership.objects.create(brand=brand, user=user, role=role)
        for each in (brand, self.cast.acme):
            Membership.objects.create(brand=each, user=person, role="creator")
        SpendingCap.objects.create(brand=brand, monthly_usd=5)
        SpendingCap.objects.create(person=person, monthly_usd=5)
        BrandRules.objects.create(brand=brand, never=["hats"])
        self._changes(brand)
        return brand, person

    def _changes(self, brand: Brand) -> None:
        """Change what has a history: the brand of the library, its members, rules, presets."""
        style = f"Style {self._part}"
        Brand.objects.filter(pk=self.cast.acme.pk).update(style=style)
        BrandRules.objects.filter(brand=brand).update(voice=style)
        Preset.objects.update(description=style)

    def _library(self, assets: list[Asset], drafts: list[Asset], brand: Brand) -> None:
        self.shown.tags.add(f"shown {self._part}")
        self._replace()
        collections.add_assets(collection=self.collection, assets=[self.shown, *assets, *drafts])
        for number in range(2):
            collection = self._collection(f"Collection {self._part}.{number}")
            collections.add_assets(collection=collection, assets=[self.shown, *assets[:3]])
        for asset in (self.shown, drafts[0], drafts[0]):
            approval.decide(asset=asset, by=self.cast.manager, verdict="rejected", reason="Blurred")
        approval.decide(asset=self.shown, by=self.cast.manager, verdict="approved")
        for name in ("creator", "manager", "staff"):
            notifications.notify(getattr(self.cast, name), "Something happened.", "/")
        self._make(brand=brand, title="Elsewhere")
        waste = [self._make(brand=each) for each in (brand, self.cast.acme) for _ in range(2)]
        for person in (self.cast.manager, self.cast.staff):
            trash.trash_assets(assets=waste[:2] if person.is_staff else waste, by=person)
        IdempotentRequest.objects.create(
            person=self.cast.creator, key=f"key-{self._part}", request_hash="x", status=200
        )
        place = {"brand": brand, "root": "/in"}
        AssetSource.objects.create(
            **place, path=f"{self._part}.png", asset=self.shown, size=9, mtime_ns=9, checksum="x"
        )
        WatchedFolder.objects.create(path=f"/watched/{self._part}")
        RenderedFile.objects.create(checksum="x", options=f"jpeg-{self._part}", bytes=9)

    def _replace(self) -> None:
        """Replace the file of the asset that pages show, which is approved again."""
        self.shown = Asset.objects.get(pk=self.shown.pk)
        data = picture_bytes((250, 20 + self._part, 9))
        versions.replace_file(
            asset=self.shown, file=data, filename="new.png", by=self.cast.creator, reason="New"
        )
        approval.decide(asset=self.shown, by=self.cast.manager, verdict="approved")

    def _generations(self, assets: list[Asset], drafts: list[Asset]) -> list[Generation]:
        """Add two to the batch, one that refines the first picture and one that finalises it, all
        with the same references; and two pictures to the first generation."""
        used = [self.shown, *drafts[:1], *assets[:2]]
        version = PresetVersion.objects.create(
            preset=self.preset, number=self._part, template="A cape", created_by=self.cast.manager
        )
        made = [
            self._generation(references=used, batch=self.batch, preset_version=version),
            self._generation(references=used, batch=self.batch, count=2),
            self._generation(references=used, count=2),
            self._generation(references=[self.output.asset, *used]),
        ]
        rows = Generation.objects
        rows.filter(pk=made[2].pk).update(refines=self.output, model=MODEL)
        rows.filter(pk=made[3].pk).update(draft=self.output)
        for output in Output.objects.filter(generation__in=made[2:]).order_by("pk")[:2]:
            output.pk, output.generation, output.take = None, self.generation, self.output.take
            output.position = self.generation.outputs.count()
            output.save()
        return made

    def _ledger(self, made: list[Generation]) -> None:
        """Add the entries of a paid engine: sketches are free and leave none."""
        for generation in made:
            for kind in LedgerEntry.Kind:
                LedgerEntry.objects.create(
                    brand=generation.brand,
                    person=generation.created_by,
                    generation=generation,
                    kind=kind,
                    usd=1,
                )

    def _studio(self, made: list[Generation], assets: list[Asset], person: User) -> None:
        for output in Output.objects.filter(generation__in=[self.generation, *made]):
            output.findings.create(code="palette", sentence="Other colours.", measured=0.5)
            if output.asset and output.asset.status == "draft":
                verdicts.keep(person=self.cast.creator, output=output)
        for generation in made:
            Turn.objects.create(take=answered(generation), content=SAID)
        for number in range(2):
            slug = f"preset-{self._part}-{number}"
            preset = Preset.objects.create(name=slug, slug=slug, brand=self.cast.acme)
            PresetVersion.objects.create(
                preset=preset, number=1, template="A hat", created_by=person
            )
            batch = self._batch(created_by=person)
            job = BatchJob.objects.create(batch=batch, model=MODEL, display_name=slug)
            Generation.objects.filter(pk=ask(self.cast, batch=batch).pk).update(batch_job=job)
            self._webhook()
            WebhookDelivery.objects.create(webhook=self.hook, event="asset.approved", payload={})
        engine = EngineModel.objects.get(pk="sketch")
        engine.pk, engine.label = f"sketch-{self._part}", f"Sketch {self._part}"
        engine.save(force_insert=True)
        withdrawal.withdraw_rights(person=self.cast.manager, asset=assets[5], reason="It ended.")
        self.withdrawal.quarantined.create(asset=assets[4], status_before="approved")

    def _fields(self, assets: list[Asset]) -> None:
        manager, label = self.cast.manager, f"Price {self._part}"
        price = field_definitions.define_field(
            brand=self.cast.acme, by=manager, label=label, kind="number"
        )
        custom_fields.fields_of(self.cast.acme)  # Every process reads them once
        pks = [asset.pk for asset in assets]
        Asset.objects.filter(pk__in=pks).update(custom={price.name: 5, "sku": "ORV-2231"})

    def _search(self, assets: list[Asset], drafts: list[Asset], person: User) -> None:
        acme, creator = self.cast.acme, self.cast.creator
        for number, text in enumerate(("red", "blue", "green")):
            words = f"{text} cape {self._part}"
            search(person=person, question=SearchQuery(text=words))
            saved = searches.save_search(
                brand=acme, name=words, question=SearchQuery(text=words), by=person
            )
            searches.record_visit(saved=saved, person=creator)
            golden.add_golden_query(
                brand=acme, question=SearchQuery(text=words), expected=assets[:3], by=person
            )
            pair = sorted((assets[number], drafts[number]), key=lambda asset: asset.pk)
            self._alike(*pair)
            ShootListItem.objects.create(words=words, brand=acme, created_by=person)
        self.golden.expected.add(*assets[:3])
        self._alike(self.shown, assets[0])
        self._alike(self.shown, drafts[0])
        first, second = sorted((self.shown.checksum, assets[1].checksum))
        DuplicateDismissal.objects.create(first=first, second=second, said_by=person)
        for asset in (*assets, *drafts):
            Comparison.objects.create(asset=asset, checksum=asset.checksum)
        self._picture()

    # ------------------------------------------------------------------------ rows

    def _alike(self, first: Asset, second: Asset) -> None:
        DuplicatePair.objects.create(brand=self.cast.acme, first=first, second=second, score=1)

    def _batch(self, **fields: Any) -> Batch:
        given = {"title": "Capes", "kind": "products", "created_by": self.cast.creator, **fields}
        return Batch.objects.create(brand=self.cast.acme, **given)

    def _collection(self, name: str) -> Any:
        return collections.create_collection(brand=self.cast.acme, name=name, by=self.cast.creator)

    def _generation(self, **fields: Any) -> Generation:
        given = {"prompt": f"A red cape {uuid.uuid4()}", "references": [self.shown], **fields}
        return run(ask(self.cast, **given))

    def _picture(self) -> QueryImage:
        known = self.shown.embeddings.select_related("space").get()
        return QueryImage.objects.create(
            person=self.cast.creator,
            brand=self.cast.acme,
            fingerprint=str(known.space.fingerprint),
            vector_bytes=known.vector_bytes or b"",
            thumbnail=b"webp",
        )

    def _webhook(self) -> Webhook:
        return Webhook.objects.create(
            brand=self.cast.acme, url="https://example.com/hook", events=["asset.approved"]
        )
