from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('generation', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='generation',
            name='key',
            field=models.UUIDField(editable=False, null=True, unique=True),
        ),
    ]
