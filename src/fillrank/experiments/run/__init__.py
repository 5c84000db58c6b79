"""One model, its data and its settings as a file, fitted and saved; and gone on with after a stop."""
