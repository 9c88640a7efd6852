"""What was built and measured, as one HTML page."""

from hwgen.report.model import Area, Measured, ReportData
from hwgen.report.render import render
from hwgen.verbs import also_a_verb

__all__ = ["Area", "Measured", "ReportData", "render"]

also_a_verb(__name__)
