"""Draws the sample pictures.

`pen` (shapes, colours) <- `flowers`, `surroundings`, `leaves` <- `scene` (composition) <- `camera` (light, lens, file).
"""
