"""Four models get the field's names. Their tables, and so raw SQL and rolling upgrades, stay.

Django renames the content types with the models; the permissions, which people and groups hold,
are renamed here, so that nobody loses one.
"""

from django.db import migrations, models

RENAMED = {
    "Asked": "QueryLog",
    "PictureQuestion": "QueryImage",
    "Likeness": "DuplicatePair",
    "NotTheSame": "DuplicateDismissal",
}


def rename_permissions(apps, names):
    permission = apps.get_model("auth", "Permission")
    for old, new in names:
        old, new = old.lower(), new.lower()
        ours = permission.objects.filter(content_type__app_label="search")
        for each in ours.filter(codename__endswith=f"_{old}"):
            action = each.codename.removesuffix(f"_{old}")
            # post_migrate may have made the new one already, which nobody holds
            ours.filter(codename=f"{action}_{new}").delete()
            each.codename = f"{action}_{new}"
            each.save(update_fields=["codename"])


def forwards(apps, schema_editor):
    rename_permissions(apps, RENAMED.items())


def backwards(apps, schema_editor):
    rename_permissions(apps, [(new, old) for old, new in RENAMED.items()])


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0008_wording"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        *[
            migrations.AlterModelTable(name=old.lower(), table=f"search_{old.lower()}")
            for old in RENAMED
        ],
        *[migrations.RenameModel(old_name=old, new_name=new) for old, new in RENAMED.items()],
        migrations.RunPython(forwards, backwards),
        migrations.AlterField(
            model_name='querylog',
            name='ranking',
            field=models.BinaryField(help_text='See Ranking.to_bytes.', null=True),
        ),
    ]
