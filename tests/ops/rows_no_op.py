"""What has no values to compare."""

from ops.conformance import Case

from scopert.ops.array_identity import identity
from scopert.ops.no_op import no_op, with_dependencies

ROWS = [Case("NoOp", [1.5], lambda x: x, run=lambda x: with_dependencies([no_op()], identity(x)))]
