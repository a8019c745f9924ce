"""All tests of this folder run with each engine of the acceptor."""

from tests.acceptance.engines import pytest_generate_tests as pytest_generate_tests
