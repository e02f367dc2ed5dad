"""Entry point of `deployd` and `python -m deployd`."""

import sys

from deployd.builders.detection.notes import VERB


def main() -> None:
    if sys.argv[1:2] == [VERB]:  # Another process of the same program, which needs nothing of the command line.
        from deployd.builders.detection import zygote

        zygote.main(int(sys.argv[2]))
        return
    from deployd.cli.main import cli

    cli()


if __name__ == "__main__":
    main()
