"""The variants of [machine] that a machine can show."""

import pytest

from quotelife_bench import configuration
from quotelife_bench.sides import NATIVE, QUICKFIX
from quotelife_bench.topics.cores import variants


@pytest.mark.parametrize(("engine", "cores", "count"), [(QUICKFIX, [0, 1], 4), (NATIVE, [0, 1], 5), (NATIVE, [3], 3)])
def test_pinning_needs_two_cores_and_spinning_the_native_engine(engine, cores, count):
    assert len(variants(engine, cores)) == count


def test_every_variant_is_a_valid_configuration(tmp_path):
    for name, lines in variants(NATIVE, [0, 1]).items():
        machine = configuration.write(tmp_path, 1, 1, engine=NATIVE, machine=lines).machine
        assert machine.spin == ("spinning" in name)
        assert machine.slice_us == (0 if "slices" in name else 100)
        assert ("core 1" in name) == (machine.pinned().get("quoting") == {1})
