import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("search", "0003_embeddings_of_a_space")]

    operations = [
        migrations.AlterField(
            model_name="embedding",
            name="space",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="embeddings",
                to="search.vectorspace",
            ),
        ),
        migrations.RemoveField(model_name="embedding", name="fingerprint"),
    ]
