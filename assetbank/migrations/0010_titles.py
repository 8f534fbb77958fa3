"""Terms that somebody has checked, indexes of what filters and sorts by metadata, and titles.

An asset that was titled by its camera's number, a UUID or the like is "Untitled" from now on: pages
show its file name beside that.
"""

import django.db.models.functions.text
from django.db import migrations, models

# As in assetbank.assets.metadata.titles
MACHINE_NAME = (
    r"(?:_?(?:img|image|imgp|imag|dsc|dscf|dscn|dscs|dcim|pict|pic|photo|foto|bild|picture|cim"
    r"g|kimg|crw|gopr|pano|burst|mvimg|mvi|mov|vid|pxl|psx|wp|scan|fb[ _-]?img|received|file|f"
    r"rame)[ _.-]*[0-9]{2,}[ _.,~()0-9-]*(?:[ _-]*(?:copy|edited|hdr|pano|burst[0-9]*|cover|po"
    r"rtrait|night|mp|pro|raw|wa[0-9]+|e[0-9]{10,}))*|_?(?:mg|mgl|sam|sany|dji|hdr)[ _-]?[0-9]"
    r"{4,}[ _.,~()0-9-]*(?:[ _-]*(?:copy|edited|hdr|pano|burst[0-9]*|cover|portrait|night|mp|p"
    r"ro|raw|wa[0-9]+|e[0-9]{10,}))*|(?:[prl][0-9]|g[hpx])[0-9]{6}|(?:screen ?[ _-]?shot|bilds"
    r"chirmfoto|capture d[^0-9]{1,4}cran|captura de pantalla|schermafbeelding|schermata|whatsa"
    r"pp[ _-](?:image|video)|signal|telegram|download|unnamed|untitled|unknown|image|images|im"
    r"g|photo|picture|pic|scan|file|foto|bild|clipboard|snapshot)(?:[ _.,:~()-]|[0-9]|at|um|om"
    r"|kl|alle|a las|à|am|pm)*|[0-9][ _.,~()-]*(?:[0-9][ _.,~()-]*){4,}(?:[ _-][a-z])?|0[0-9]{"
    r"2,}|[0-9a-f]{8}[ _-]?(?:[0-9a-f]{4}[ _-]?){3}[0-9a-f]{12}(?:[ _-]?\(?[0-9]{1,3}\)?)?|[0-"
    r"9a-f]{16,}(?:[ _-]?\(?[0-9]{1,3}\)?)?)(?:[.][a-z][a-z0-9]{1,4})?"
)
# Titles that were made of file names, as they were made until now
OLD_TITLE = r"""
  left(btrim(regexp_replace(translate(regexp_replace(filename, '[.][^.]*$', ''), '_-', '  '),
    '[[:space:]]+', ' ', 'g')), 200)
"""
UNTITLE = f"""
UPDATE assetbank_asset SET title = 'Untitled'
WHERE title = {OLD_TITLE} AND btrim(lower(title)) ~ '^(?:{MACHINE_NAME})$'
"""
TITLE_AGAIN = f"""
UPDATE assetbank_asset SET title = {OLD_TITLE} WHERE title = 'Untitled' AND {OLD_TITLE} <> ''
"""


class Migration(migrations.Migration):
    dependencies = [("assetbank", "0009_versions")]

    operations = [
        migrations.AlterField(
            model_name='decision',
            name='verdict',
            field=models.CharField(choices=[('approved', 'Approved'), ('rejected', 'Changes requested'), ('archived', 'Archived'), ('replaced', 'File replaced'), ('checked', 'Terms checked')], max_length=10),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(models.OrderBy(models.F('captured_at'), descending=True, nulls_last=True), models.OrderBy(models.F('id'), descending=True), name='asset_taken'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(django.db.models.functions.text.Lower('creator'), name='asset_creator'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(django.db.models.functions.text.Lower('city'), name='asset_city'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(django.db.models.functions.text.Lower('country'), name='asset_country'),
        ),
        migrations.AddIndex(
            model_name='asset',
            index=models.Index(condition=models.Q(('terms_to_check', ''), _negated=True), fields=['brand'], name='asset_terms_to_check'),
        ),
        migrations.RunSQL([UNTITLE], [TITLE_AGAIN]),
    ]
