"""``python -m fillrank``: the same as the command ``fillrank``."""

from fillrank.cli import main

if __name__ == "__main__":
    main()
