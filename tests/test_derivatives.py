"""Every operation's derivative, at orders 1 to 3, on NumPy and on the strict backend."""

import numpy as np
import pytest
from cases import CASES, CONSTANTS, Case
from checks import declared_in, leaves, operations_in

import tinygen as tg
from tinygen.backend import NUMPY
from tinygen.examples import spread

by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def test_every_operation_has_a_case():
    declared = declared_in("tinygen.ops")
    checked = {case.op for case in CASES}
    assert {name for name, has_rules in declared.items() if has_rules} - checked == set()
    assert {name for name, has_rules in declared.items() if not has_rules} == set(CONSTANTS)


def test_case_names_are_unique():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


@by_name
def test_a_case_records_the_operation_that_it_is_for(case: Case):
    inputs = leaves(case.inputs(), NUMPY)
    assert case.op is None or case.op in operations_in(case.function(*inputs))


@by_name
def test_derivatives_to_third_order(case: Case, backend):
    tg.gradcheck(case.function, leaves(case.inputs(), backend), order=3, tolerance=1e-7)


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_are_right_and_carry_no_graph(name, backend):
    function, oracle = CONSTANTS[name]
    array = spread((2, 3))(np.random.default_rng(0))[0]
    assert 0.2 in array  # so that equality is seen too
    with np.errstate(divide="ignore", invalid="ignore"):
        result = function(leaves([array], backend)[0])
    np.testing.assert_array_equal(result.numpy(), oracle(array))
    assert not result.requires_grad
