from django.apps import AppConfig


class AssetbankConfig(AppConfig):
    name = "assetbank"
    verbose_name = "Library"

    def ready(self) -> None:
        from assetbank import checks  # noqa: F401 - registers the system checks
