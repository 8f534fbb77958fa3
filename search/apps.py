from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "search"
    verbose_name = "Search"

    def ready(self) -> None:
        from assetbank import hooks
        from search import checks, health, receivers  # noqa: F401 - checks register themselves
        from search.query import embedding
        from search.saved import impact, searches

        receivers.connect()
        hooks.searched_fields_changed.register(receivers.searched_fields_changed)
        hooks.assets_merged.register(searches.follow_merge)
        hooks.deletion_impact.register(impact.deletion_impact)
        hooks.health_checks.register(health.vectors)
        hooks.health_checks.register(health.encoder)
        hooks.health_checks.register(health.index)
        hooks.web_started.register(embedding.preload_text_encoder)
