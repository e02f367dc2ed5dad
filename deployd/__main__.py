"""Entry point of `deployd` and `python -m deployd`."""

from deployd.cli.main import cli


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
