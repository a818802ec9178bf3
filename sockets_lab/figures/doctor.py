"""The doctor's report as a picture: what it found, a row for each question."""

from sockets_lab.figures.tables import Table
from sockets_lab.kernel.doctor import Report, sections


def table(report: Report) -> Table:
    """Draw the whole report, in the order in which a reader asks."""
    rows = tuple((heading, "\n".join(lines)) for heading, lines in sections(report).items())
    return Table(f"The doctor: {report.asked}", ("question", "answer"), rows, (22, 72))
