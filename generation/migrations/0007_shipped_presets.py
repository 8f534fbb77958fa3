"""The presets that are shipped. One whose slug is there already stays as it is."""

from django.db import migrations

MODEL = {"name": "model", "label": "Who wears them", "default": "a woman in her thirties"}


def role(name, least, most):
    return {"role": name, "least": least, "most": most}


PRESETS = [
    {
        "slug": "pack-shot",
        "name": "Pack-shot",
        "description": "The product alone, as a shop shows it.",
        "aspect_ratio": "1:1",
        "template": (
            "A studio product photograph for an online shop: the product alone, {angle}, on "
            "{background}, with {shadow}. Even, soft light without hot spots, true colours, the "
            "whole product in the picture with a little room around it, sharp from front to back. "
            "Nothing else is in the picture: no hands, no props, no text. Where there are several "
            "products, they stand side by side at their true relative sizes."
        ),
        "variables": [
            {"name": "angle", "label": "Seen from", "default": "seen at eye level, turned a little"},
            {"name": "background", "label": "Background", "default": "a pure white background"},
            {"name": "shadow", "label": "Shadow", "default": "a soft contact shadow"},
        ],
        "roles": [role("product", 1, 4)],
    },
    {
        "slug": "packaging",
        "name": "Packaging",
        "description": "The product with a package designed for it.",
        "aspect_ratio": "4:5",
        "template": (
            "A photograph of {package} designed for this product, made of {material}, with the "
            "product beside it. The package looks as if the product had been made together with "
            "it: it takes up the product's shapes and colours and fits its size. Printed on it: "
            "{print}. Crisp edges, believable folds and joints, {setting}, soft light from the "
            "side."
        ),
        "variables": [
            {"name": "package", "label": "Package", "default": "a rigid gift box with its lid off"},
            {"name": "material", "label": "Material", "default": "matt uncoated cardboard"},
            {
                "name": "print",
                "label": "Print",
                "default": "the logo alone, if there is one, and no other text",
            },
            {"name": "setting", "label": "Setting", "default": "on a plain, seamless surface"},
        ],
        "roles": [role("product", 1, 3), role("logo", 0, 1), role("style", 0, 1)],
    },
    {
        "slug": "beach",
        "name": "On the beach",
        "description": "A model wearing these products by the sea.",
        "aspect_ratio": "4:5",
        "template": (
            "A fashion photograph of {model}, who wears or carries every one of these products on "
            "{place}, {pose}. {light}. Full figure, the products unobstructed, in focus and at "
            "their true size; cloth moves in a light wind as its material would. Natural skin, "
            "relaxed hands, an unhurried mood. The beach is empty behind."
        ),
        "variables": [
            MODEL,
            {"name": "place", "label": "Beach", "default": "a wide sandy beach"},
            {"name": "pose", "label": "Pose", "default": "walking along the edge of the water"},
            {"name": "light", "label": "Light", "default": "Low, warm evening sun from the side"},
        ],
        "roles": [role("product", 1, 4), role("character", 0, 1), role("background", 0, 1)],
    },
    {
        "slug": "convertible",
        "name": "Leaning on a convertible",
        "description": "A model with these products, leaning on an open car.",
        "aspect_ratio": "3:2",
        "template": (
            "A fashion photograph of {model} leaning on {car}, on {place}. The person wears or "
            "carries every one of these products; each can be seen whole, in focus and at its true "
            "size. {light}. Seen from hip height at a slight distance, so that the person and most "
            "of the car are in the picture; the reflections in the paint match the surroundings. "
            "No badge, number plate or text on the car."
        ),
        "variables": [
            MODEL,
            {"name": "car", "label": "Car", "default": "a cream-coloured convertible of the 1960s"},
            {"name": "place", "label": "Place", "default": "a coast road above the sea"},
            {"name": "light", "label": "Light", "default": "Clear late-afternoon light"},
        ],
        "roles": [role("product", 1, 4), role("character", 0, 1), role("background", 0, 1)],
    },
    {
        "slug": "outfit-swap",
        "name": "Outfit swap",
        "description": "One base picture, other clothes.",
        "aspect_ratio": "",
        "template": (
            "Start from the picture of the character and change only the clothes: the person now "
            "wears the outfit of the other references. Leave {keep} as in the base picture, "
            "together with the face, hair, pose, hands, background, light and framing. The new "
            "clothes fall, crease and catch the light as they would on this body in this place. "
            "Nothing of the old clothes shows."
        ),
        "variables": [
            {"name": "keep", "label": "What stays", "default": "the shoes and the jewellery"}
        ],
        "roles": [role("character", 1, 1), role("outfit", 1, 4)],
    },
    {
        "slug": "hat-and-skirt-swap",
        "name": "Hat and skirt swap",
        "description": "One base picture, another hat, another skirt.",
        "aspect_ratio": "",
        "template": (
            "Start from the picture of the character and change two things only. On the head: "
            "{hat}. From the waist down: {skirt}. The hat sits at a natural angle, with the hair "
            "falling out from under it and its shadow on the face; the skirt fits the waist and "
            "follows the pose. Everything else stays exactly as in the base picture: the face, the "
            "top, the shoes, the background, the light and the framing."
        ),
        "variables": [
            {"name": "hat", "label": "Hat", "default": "the hat of the outfit references"},
            {"name": "skirt", "label": "Skirt", "default": "the skirt of the outfit references"},
        ],
        "roles": [role("character", 1, 1), role("outfit", 1, 2)],
    },
    {
        "slug": "figurine",
        "name": "1/7 scale figurine",
        "description": "A collector's figurine on a desk, with its toy box.",
        "aspect_ratio": "3:2",
        "template": (
            "A photograph of a finished 1/7 scale collector's figurine of {subject}, standing on a "
            "round, clear acrylic base without text, on {desk}. It keeps the pose, clothes, "
            "colours and proportions of the reference, and is plainly a figurine: moulded plastic, "
            "fine paint, thin parting lines. Beside it stands its toy box, a printed carton with a "
            "clear window, {box}. Daylight from a window, the figurine sharp, the room behind it "
            "softly out of focus."
        ),
        "variables": [
            {"name": "subject", "label": "Figure", "default": "the character in the reference"},
            {"name": "desk", "label": "Desk", "default": "a tidy wooden desk with a computer on it"},
            {
                "name": "box",
                "label": "Toy box",
                "default": "with a drawing of the same figure and no other text",
            },
        ],
        "roles": [role("character", 1, 1), role("product", 0, 3), role("logo", 0, 1)],
    },
]


def forwards(apps, schema_editor):
    presets = apps.get_model("generation", "Preset")
    versions = apps.get_model("generation", "PresetVersion")
    for position, row in enumerate(PRESETS, start=1):
        named = {"name": row["name"], "description": row["description"], "position": 10 * position}
        preset, made = presets.objects.get_or_create(slug=row["slug"], defaults=named)
        if made:
            said = {key: row[key] for key in ("template", "variables", "roles", "aspect_ratio")}
            versions.objects.create(preset=preset, number=1, **said)


class Migration(migrations.Migration):
    dependencies = [("generation", "0006_unchecked_finding")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
