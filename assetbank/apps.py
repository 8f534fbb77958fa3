from django.apps import AppConfig


class AssetbankConfig(AppConfig):
    name = "assetbank"
    verbose_name = "Library"

    def ready(self) -> None:
        from assetbank import checks, health, hooks  # noqa: F401 - checks register themselves

        hooks.health_checks.register(health.database)
        hooks.health_checks.register(health.files)
        hooks.health_checks.register(health.decoders)
        hooks.health_checks.register(health.workers)
        hooks.health_checks.register(health.watched_folders)
