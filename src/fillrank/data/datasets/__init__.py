"""Public data sets: what each is (``cards``), how its files are read (``layouts``), and the door (``catalogue``)."""
