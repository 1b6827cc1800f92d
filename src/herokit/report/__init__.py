"""One HTML page about scored rollouts; needs the extra ``report``. The module stays small: it is the public door."""

from herokit.report.page import check_output, write_report
from herokit.report.results import Results, read_results

__all__ = ["Results", "check_output", "read_results", "write_report"]
