"""Queries for the demo catalogue, written by hand; MATCH_THRESHOLD was not tuned with any of them.

Columns of a line: text, objects, colours, pattern, scene; an empty or missing column fits anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from assetbank.demo.drawing.specs import Spec

ANSWERED = """
handbags | handbag
a crimson handbag | handbag | red
black clutch | handbag | black
red checked bag on stage | handbag | red | checked | stage
a navy backpack | backpack | navy
grey knapsack downtown | backpack | grey | | city
golden timepiece on a wooden table | watch | gold | | desk
silver watch | watch | silver
white sneakers | sneaker | white
shoes for running | sneaker
red pumps | heels | red
black boots on the street | boot | black | | city
a turquoise frock | dress | turquoise
gown | dress
brown sunglasses on white | sunglasses | brown | | white
a red tie on a desk | tie | red | | desk
violet perfume | perfume | purple
pink scent at dusk | perfume | pink | | sunset
a grey scarf | scarf | grey
stripy scarf in winter | scarf | | striped | snow
grey jacket | jacket | grey
navy t-shirt with dots | tshirt | navy | dotted
an umbrella in the woods | umbrella | | | forest
purple lipstick | lipstick | purple
gold necklace | necklace | gold
cream trousers | trousers | beige
a beige hat | hat | beige
black leather glove | glove | black
silver ring | ring | silver
engagement ring at night | ring | | | night
a suitcase on the beach | suitcase | | | beach
golden earrings | earrings | gold
orange cap | cap | orange
a red cape | cape | red
blue action figure in the city | figurine | blue | | city
yellow toy box | toybox | yellow
a sofa with polka dots | sofa | | dotted
settee | sofa
purple controller | gamepad | purple
sports cars | sportscar
blue car in the city | sportscar | blue | | city
orange skateboard | skateboard | orange
yellow checked lamp at night | lamp | yellow | checked | night
red rocket | rocket | red
beige flower vase | vase | beige
orange robot | robot | orange
coffee mug | mug
a beige camera by the sea | camera | beige | | beach
notebook computer | laptop
silver tiara | crown | silver
black crash helmet | helmet | black
candles | candle
purple shield in a forest | shield | purple | | forest
a blue phone | phone | blue
headphones on a desk | headphones | | | desk
orange acoustic guitar | guitar | orange
turquoise clock | clock | turquoise
bicycle | bicycle
orange football in the park | ball | orange | | forest
red novel | book | red
a present wrapped in red | gift | red
purple bottle on a table | bottle | purple | | desk
masquerade mask on stage | mask | | | stage
toys | teddy robot figurine toybox ball rocket
headgear | hat cap crown helmet
furniture | chair sofa lamp
a picture of something in a forest | | | | forest
product photo of a silver crown | crown | silver
please find me a green tie for the website | tie | green
everything turquoise | | turquoise
"""

ABSENT = """
blue handbag | handbag | blue
a yellow backpack | backpack | yellow
pink watch | watch | pink
purple sneakers | sneaker | purple
green high heels | heels | green
blue boots | boot | blue
green dress | dress | green
orange sunglasses | sunglasses | orange
pink tie | tie | pink
green perfume | perfume | green
yellow scarf | scarf | yellow
turquoise jacket | jacket | turquoise
red t-shirt | tshirt | red
purple umbrella | umbrella | purple
pink umbrella at the beach | umbrella | pink | | beach
turquoise lipstick | lipstick | turquoise
green trousers | trousers | green
purple hat | hat | purple
turquoise gloves | glove | turquoise
white suitcase | suitcase | white
black cap | cap | black
yellow cape | cape | yellow
green toy box | toybox | green
purple teapot | teapot | purple
a pink sofa | sofa | pink
green gamepad | gamepad | green
black sports car | sportscar | black
blue lamp | lamp | blue
yellow rocket | rocket | yellow
black vase | vase | black
green robot | robot | green
yellow mug | mug | yellow
purple camera | camera | purple
red laptop | laptop | red
green chair | chair | green
red helmet | helmet | red
black candle | candle | black
orange phone | phone | orange
red guitar | guitar | red
white teddy bear | teddy | white
purple bicycle | bicycle | purple
yellow ball | ball | yellow
pink clock | clock | pink
pink book | book | pink
camera in the snow | camera | | | snow
perfume on a beach | perfume | | | beach
suitcase at sunset | suitcase | | | sunset
robot at night | robot | | | night
jacket in the snow | jacket | | | snow
lamp in a forest | lamp | | | forest
dotted umbrella | umbrella | | dotted
striped gloves | glove | | striped
checked sofa | sofa | | checked
"""

UNKNOWN = """
a seal on the ice | a hedgehog | a peacock | sharks | a bat hanging upside down | a donkey
a fox in the grass | a nest with eggs | a bull | daffodils | an orchid | a bamboo grove | wheat
a river delta | sand dunes | a hurricane | a geyser | a cliff | an avalanche | a sailor
the Taj Mahal | a pyramid | a petrol station | a hospital corridor | a courtroom | a mine shaft
a lecture hall | a pub | a zoo | a car park | a skating rink | students writing an exam
a judge | a dentist | a plumber at work | a mother with her son | a clown | a beggar
a birthday party | a funeral | a carnival parade | a tug of war | a pole vault | a fencing match
lasagne | a burrito | peanut butter | an avocado | cherries | mashed potatoes | a kebab
a milkshake | breakfast cereal | a wedding cake | a tram timetable | an excavator | a hovercraft
a rowing boat | a forklift | a jet engine | a traffic light | a wrench | a chainsaw | a shovel
a stapler | paper clips | a whiteboard | an org chart | an insurance policy | a payslip
a birth certificate | an electricity bill | a tuba | a xylophone | bagpipes | a turntable
a toilet | a shower curtain | a mattress | a bunk bed | a garden shed | a chandelier | a doormat
a pacemaker | a thermometer | a barcode | a hologram | a drone | a photocopier | a cathedral
"""


@dataclass(frozen=True)
class Asked:
    text: str
    objects: frozenset[str]
    colours: frozenset[str]
    pattern: str
    scene: str

    def fits(self, spec: Spec) -> bool:
        return (
            (not self.objects or spec.obj in self.objects)
            and (not self.colours or spec.colour in self.colours)
            and self.pattern in ("", spec.pattern)
            and self.scene in ("", spec.scene)
        )


def _asked(line: str) -> Asked:
    fields = [field.strip() for field in line.split("|")]
    text, objects, colours, pattern, scene = (*fields, "", "", "", "")[:5]
    return Asked(text, frozenset(objects.split()), frozenset(colours.split()), pattern, scene)


def asked(lines: str) -> list[Asked]:
    return [_asked(line) for line in lines.strip().splitlines()]


def texts(block: str) -> list[str]:
    return [text.strip() for text in block.replace("\n", "|").split("|") if text.strip()]
