"""`python -m campaign.cli`: the command, for processes that are started by their module."""

from campaign.cli.main import main

main()
