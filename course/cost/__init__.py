"""What a network costs: parameters, multiply-accumulates, memory, receptive field.

One multiply-accumulate (MAC) is what the first lecture calls a "flop".
"""

from course.cost import arithmetic
from course.cost.errata import ERRATA
from course.cost.lecture import lecture
from course.cost.table import Total, compare, receptive_field, table, total

__all__ = ["ERRATA", "Total", "arithmetic", "compare", "lecture", "receptive_field", "table", "total"]
