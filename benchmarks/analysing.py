"""The analysis of a broadcast as a run does it, with everything a run imports."""

import time

from benchmarks.brand import Brand

PEOPLE = 1_000_000
WHERE = "followers_count >= 10"
EXCEPT_WHERE = "location contains 'Gent' and verified"


def analyse(brand: Brand) -> list[float]:
    """The step of a run, in a flow: who gets it and who does not, what is found, and the page that shows it.

    Its seconds, and the CPU seconds among them that are not those of a database server.
    """
    from prefect import flow

    from benchmarks.broadcast import composed
    from campaign.broadcasts.prepare import BroadcastKind, preview_document
    from campaign.deliveries.draft import Audience
    from campaign.reporting.text import as_markdown
    from flows import dm_broadcast  # noqa: F401  # what a run imports takes its memory
    from tasks.deliveries import analyse as analyse_in_a_run

    name = composed([brand.username], Audience(where=WHERE, except_where=EXCEPT_WHERE))

    @flow
    def analysis() -> str:
        return as_markdown(preview_document(analyse_in_a_run(name, BroadcastKind())))

    began, cpu_before = time.perf_counter(), time.process_time()
    print(analysis())
    return [time.perf_counter() - began, time.process_time() - cpu_before]
