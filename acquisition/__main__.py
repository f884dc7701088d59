"""Lets `python -P -m acquisition` run the command line where the script `asot` is not installed."""

from acquisition.cli import main

if __name__ == "__main__":
    main()
