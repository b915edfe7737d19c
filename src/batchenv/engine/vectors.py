"""Vectors of LLVM, for the loops that Numba has no words for: those whose sums stay in registers.

A fused multiply-add is rounded once everywhere, so the bits do not depend on the width of a machine's
vectors; LLVM splits a vector that is wider.
"""

from typing import Any

from llvmlite import ir

I32, I64 = ir.IntType(32), ir.IntType(64)


def call_vector(builder: Any, name: str, kind: Any, arguments: list[Any]) -> Any:
    """Call an LLVM intrinsic whose arguments and result have one vector type."""
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(kind, [kind] * len(arguments)), name=name)
    return builder.call(function, arguments)


def splat(builder: Any, value: Any, kind: Any) -> Any:
    """A vector of some kind that holds one value everywhere."""
    undefined, mask = (
        ir.Constant(kind, ir.Undefined),
        ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count),
    )
    first = builder.insert_element(undefined, value, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, undefined, mask)


def at(builder: Any, address: Any, offset: int, kind: Any) -> Any:
    """Pointer to what lies some bytes behind an address."""
    return builder.inttoptr(builder.add(address, ir.Constant(I64, offset)), kind.as_pointer())
