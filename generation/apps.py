from django.apps import AppConfig


class GenerationConfig(AppConfig):
    name = "generation"
    verbose_name = "Studio"

    def ready(self) -> None:
        from assetbank import hooks
        from generation import demo, health, webhooks
        from generation.lineage import impact, inheritance, references
        from generation.review import inspect

        hooks.terms_tightened.register(inheritance.propagate_terms)
        hooks.term_bounds.register(inheritance.source_assets)
        hooks.approval_checks.register(inspect.approval_blockers)
        hooks.asset_decided.register(webhooks.asset_decided)
        hooks.assets_merged.register(references.follow_merge)
        hooks.file_replaced.register(inspect.inspect_replaced)
        hooks.trash_changed.register(inspect.trash_changed)
        hooks.deletion_impact.register(impact.deletion_impact)
        hooks.demo_loaded.register(demo.load)
        hooks.health_checks.register(health.engines_part)
