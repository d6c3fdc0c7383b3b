"""Draws the sample pictures.

`pen` (shapes, colours) <- `flowers`, `leaves`, `surroundings` <- `scene` (composition) <- `camera` (light, lens, file).
"""
