"""`campaign delivery`: a post or a broadcast from its draft to X, and what became of it."""

import typer

from campaign.cli.delivery_answering import confirm, pause, reject, resume, stop
from campaign.cli.delivery_editing import edit
from campaign.cli.delivery_log import log
from campaign.cli.delivery_looking import analyse, preview
from campaign.cli.delivery_proving import proof, withdraw
from campaign.cli.delivery_sending import send
from campaign.cli.delivery_settling import settle
from campaign.cli.delivery_showing import list_deliveries, show
from campaign.cli.delivery_writing import create

delivery = typer.Typer(help="Posts, threads and broadcasts of direct messages, from draft to X.", no_args_is_help=True)
delivery.command()(create)
delivery.command()(edit)
delivery.command()(analyse)
delivery.command()(preview)
delivery.command()(proof)
delivery.command()(confirm)
delivery.command()(reject)
delivery.command()(send)
delivery.command()(pause)
delivery.command()(resume)
delivery.command()(stop)
delivery.command()(withdraw)
delivery.command()(settle)
delivery.command("list")(list_deliveries)
delivery.command()(show)
delivery.command()(log)
