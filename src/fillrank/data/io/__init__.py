"""Reading: files, text, tables and matrices become the columns of a log, and whatever cannot be read is said.

A file goes through ``files`` (find, open), ``compression``, ``encoding``, ``detect`` (its format and layout), one
reader (``delimited``, ``jsonl``, ``lightgcn``, ``matrix_market``, ``typed``), ``clean`` (bad rows set aside),
``collect`` (ids become codes) and ``result``. ``read`` is the door.
"""
