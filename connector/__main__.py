"""``python -m connector`` is ``scolpass``."""

from connector.cli.app import main

if __name__ == "__main__":
    main()
