import importlib
import inspect
import pkgutil

from streetveil import errors
from streetveil.errors import StreetveilError


def test_every_error_can_be_imported_from_one_place():
    modules = [
        importlib.import_module(f"streetveil.errors.{found.name}") for found in pkgutil.iter_modules(errors.__path__)
    ]
    defined = {
        name
        for module in modules
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, StreetveilError)
    }

    assert defined == set(errors.__all__)
