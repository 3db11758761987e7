"""``python -m unetscope``: the command, where it is not on the path."""

from unetscope.cli.app import main

main()
