"""``python -m vanhove``: the command, where the script is not on the path."""

from vanhove.cli import main

if __name__ == "__main__":
    main()
