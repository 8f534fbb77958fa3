"""Forms for assets, uploads and collections."""

from assetbank.forms.assets import AssetForm
from assetbank.forms.custom_fields import CsvForm, CustomValuesForm, FieldForm
from assetbank.forms.uploads import CollectionForm, UploadForm

__all__ = [
    "AssetForm", "CollectionForm", "CsvForm", "CustomValuesForm", "FieldForm", "UploadForm",
]  # fmt: skip
