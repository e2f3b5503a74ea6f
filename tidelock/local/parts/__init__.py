"""The programs a stack can run: one file each, all of the shape in `part.py`; `catalog.py` lists them."""
