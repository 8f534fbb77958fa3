"""Phrases around the subject of a caption that say nothing about the image.

Phrases are separated by bars.
"""

from __future__ import annotations


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


OPENINGS = _phrases(
    "a photo of|a picture of|an image of|product shot of|a product photo of|photo of"
    "|picture of|image of|close-up of|a drawing of|an illustration of|illustration of"
    "|a render of|packshot of|catalogue photo of|advertising photo of|poster with"
    "|banner with|hero image with|campaign picture of|show me|find|i am looking for"
    "|looking for|search for|we need|where is|do we have|pictures of|photos of|images of"
    "|artwork of|key visual with|a nice photo of|asset with|visual of|stock photo of|get me"
)
ENDINGS = _phrases(
    "for women|for men|for kids|for the summer campaign|for the catalogue|for the website"
    "|for social media|from the new collection|for the spring collection|2024|2025"
    "|limited edition|high quality|please|hero shot|for our shop|for the press kit"
    "|product photography|for the newsletter|close up|campaign"
)
ANY_PRODUCT = _phrases(
    "something|anything|a product|product|item|an item|things|stuff|an object|products"
)
PRAISE = _phrases(
    "beautiful|luxury|elegant|stylish|modern|vintage|classic|premium|new|fancy|nice|lovely"
    "|designer|fashionable|small|big|cool|cute|expensive|exclusive|iconic|trendy|favourite"
    "|special|official|seasonal|branded|single"
)
