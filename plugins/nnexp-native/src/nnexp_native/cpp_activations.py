"""Activations as functions of C++, by the names that ``plugins`` gives to formulas: the equation, and what computes it.

z and what becomes of it are of the type Number. A z that is not a number stays so: std::max(z, 0) is z then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnexp_native.cpp_text import number_literal

EXPRESSIONS: Mapping[str, tuple[str, str]] = {
    "relu": ("a = max(z, 0)", "std::max(z, Number(0))"),
    "leaky_relu": ("a = max(z, alpha z)", "std::max(z, alpha * z)"),
    "sigmoid": ("a = 1 / (1 + exp(-z))", "1 / (1 + std::exp(-z))"),
    "tanh": ("a = tanh(z)", "std::tanh(z)"),
    "exp": ("a = exp(z)", "std::exp(z)"),
    "elu": ("a = z where z > 0, else alpha (exp(z) - 1)", "z > 0 ? z : alpha * std::expm1(z)"),
    "selu": (
        "a = s z where z > 0, else s alpha (exp(z) - 1), s and alpha by Klambauer et al. (2017)",
        "Number(1.0507009873554804934) * (z > 0 ? z : Number(1.6732632423543772848) * std::expm1(z))",
    ),
    "softplus": (
        "a = log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)), which does not overflow",
        "std::max(z, Number(0)) + std::log1p(std::exp(-std::abs(z)))",
    ),
    "silu": ("a = z / (1 + exp(-z))", "z / (1 + std::exp(-z))"),
    "gelu": (
        "a = z Phi(z), Phi(z) = erfc(-z / sqrt(2)) / 2",
        "z * (std::erfc(-z * Number(0.70710678118654752440)) / 2)",
    ),
    "mish": (
        "a = z tanh(log(1 + e)) = z / (1 + 2 / (e (e + 2))), e = exp(z)",
        "z / (1 + 2 / (std::exp(z) * (std::exp(z) + 2)))",
    ),
    "softsign": ("a = z / (1 + |z|)", "z / (1 + std::abs(z))"),
    "hard_tanh": ("a = min(max(z, -1), 1)", "std::min(std::max(z, Number(-1)), Number(1))"),
    "hard_sigmoid": (
        "a = min(max(z / 6 + 1/2, 0), 1)",
        "std::min(std::max(z / 6 + Number(0.5), Number(0)), Number(1))",
    ),
    "sine": ("a = sin(omega z)", "std::sin(omega * z)"),
}
"""Those of one number: the equation, and an expression of z."""

SOFTMAX = """\
// a_i = exp(z_i - max z) / sum_j exp(z_j - max z)
template <std::size_t N>
void {name}(Number (&a)[N]) {{
    const Number largest = *std::max_element(a, a + N);
    Number sum = 0;
    for (Number& z : a) {{
        z = std::exp(z - largest);
        sum += z;
    }}
    for (Number& z : a) z /= sum;
}}
"""

UNITS = """\
// {equation}
template <std::size_t N>
void {name}(Number (&a)[N]) {{
{fields}    for (Number& z : a) z = {expression};
}}
"""

NOTHING = """\
// a = z
template <std::size_t N>
void {name}(Number (&)[N]) {{}}
"""


def known() -> set[str]:
    """The formulas that there is text for."""
    return {"identity", "softmax", *EXPRESSIONS}


def function(name: str, formula: str, values: Mapping[str, Any], dtype: str) -> str:
    """The function ``name``, which turns a layer's z into its a, in place."""
    if formula == "identity":
        return NOTHING.format(name=name)
    if formula == "softmax":
        return SOFTMAX.format(name=name)
    equation, expression = EXPRESSIONS[formula]
    fields = "".join(
        f"    constexpr Number {field} = {number_literal(value, dtype)};\n" for field, value in values.items()
    )
    return UNITS.format(equation=equation, name=name, fields=fields, expression=expression)
