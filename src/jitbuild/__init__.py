"""Build, prove and run CPython interpreters with the experimental JIT.

Programs can use the functions of the command line:

    import jitbuild

    python = jitbuild.ensure("3.15", jit="yes-off").executable

Importing this package is fast, because each public name is loaded from its module when it is first
used. A test checks that no module has the name of a public function: importing a module
`jitbuild.plan`, for example, would replace the function `jitbuild.plan` with the module.
"""

TYPE_CHECKING = False  # type checkers treat it like typing.TYPE_CHECKING, which is slow to import
if TYPE_CHECKING:
    from jitbuild.api import ensure, ensure_all, installed, plan
    from jitbuild.errors import JitbuildError
    from jitbuild.options import BuildOptions
    from jitbuild.planning.plan import Plan
    from jitbuild.probing.run_probe import probe
    from jitbuild.probing.verdict import Verdict
    from jitbuild.provision_many import Outcome
    from jitbuild.request import Axes, Variant
    from jitbuild.store.interpreter import Interpreter
    from jitbuild.system.progress import Reporter, Stage

__all__ = [
    "Axes",
    "BuildOptions",
    "Interpreter",
    "JitbuildError",
    "Outcome",
    "Plan",
    "Reporter",
    "Stage",
    "Variant",
    "Verdict",
    "ensure",
    "ensure_all",
    "installed",
    "plan",
    "probe",
]

_MODULES = {
    "Axes": "request",
    "BuildOptions": "options",
    "Interpreter": "store.interpreter",
    "JitbuildError": "errors",
    "Outcome": "provision_many",
    "Plan": "planning.plan",
    "Reporter": "system.progress",
    "Stage": "system.progress",
    "Variant": "request",
    "Verdict": "probing.verdict",
    "ensure": "api",
    "ensure_all": "api",
    "installed": "api",
    "plan": "api",
    "probe": "probing.run_probe",
}


if not TYPE_CHECKING:  # with this function, a type checker would accept any name

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
