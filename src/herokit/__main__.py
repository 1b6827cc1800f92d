"""The `herokit` command; it needs the extra ``cli``."""

import sys


def main() -> None:
    """Run the command line, or say what to install."""
    try:
        from herokit.cli.app import run
    except ModuleNotFoundError as error:
        if error.name in {"typer", "rich", "click"}:
            sys.exit(f"the herokit command needs {error.name}: pip install 'herokit[cli]'")
        raise
    run()


if __name__ == "__main__":
    main()
