"""The commands that list what ships: `batchenv presets` and `batchenv walkers`."""

from batchenv.shipped import CONFIG_FILE, PRESET_FILES, WALKERS, shipped_walkers, summary


def presets() -> None:
    """List the presets: configurations to check, train and change."""
    _print_table({name: summary(file) for name, file in PRESET_FILES.items()})
    print("\nbatchenv check NAME prints one with all defaults; batchenv train NAME trains a policy under it.")


def walkers() -> None:
    """List the shipped walkers: trained policies to play, record and evaluate."""
    _print_table({name: summary(WALKERS / name / CONFIG_FILE) for name in shipped_walkers()})
    print(f"\nbatchenv play NAME shows one. How it was trained and what it does: {WALKERS}/NAME/README.md")


def _print_table(rows: dict[str, str]) -> None:
    width = max(map(len, rows), default=0)
    for name, text in rows.items():
        print(f"{name:<{width}}  {text}")
