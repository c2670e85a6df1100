"""`python -m cli` is the `dropforge` command."""

from cli.main import main

main()
