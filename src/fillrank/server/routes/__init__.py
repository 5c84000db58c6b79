"""The routes ``/v1/…``: each takes what a schema describes, calls one function, and gives what a schema describes."""
