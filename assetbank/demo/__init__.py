"""Demo library: drawn product images, and a catalogue of them."""
