"""`python -m batchenv.cli`."""

from batchenv.cli import main

if __name__ == "__main__":
    main()
