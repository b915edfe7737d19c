"""`python -m batchenv`."""

from batchenv.cli import main

if __name__ == "__main__":
    main()
