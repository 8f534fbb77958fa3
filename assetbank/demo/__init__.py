"""Drawn product pictures, and the demo catalogue that is made of them."""
