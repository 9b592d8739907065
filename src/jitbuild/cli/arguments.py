"""Arguments that several commands share, and functions that convert their values."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jitbuild import api
from jitbuild.cli.list_options import ListAction, WordsAction
from jitbuild.cli.numbers import positive_seconds
from jitbuild.modes import MODES
from jitbuild.request import JITS, PARTS, PROFILES, PROVIDERS, Axes

if TYPE_CHECKING:
    import argparse

    from jitbuild.planning.plan import Plan

SPEC_HELP = (
    "3.15.2, 3.15, 3.15t, '>=3.14,<3.16', main, git+URL@REF, or the path of a source folder "
    "or archive"
)


def add_general_options(parser: argparse.ArgumentParser, *, default: object) -> None:
    """Add -q and -v with the value `default`.

    The parser of a command passes SUPPRESS, so that its default does not overwrite an option that
    precedes the command.
    """
    parser.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        default=default,
        help="print only results, warnings and errors",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        default=default,
        help="print more, and tracebacks of errors",
    )


def add_examples(parser: argparse.ArgumentParser, *examples: str) -> None:
    """Show command lines at the end of the help."""
    parser.epilog = "\n  ".join(["examples:", *examples])


def complete_with(action: argparse.Action, function: str) -> None:
    """Set the shell completion of `action`.

    `function` is the name of a function in cli/completion.py. The function is imported only when
    the shell asks for a completion. If the action takes a list, the items after a comma are
    completed, too.
    """
    is_list = isinstance(action, ListAction | WordsAction)

    def completer(*, prefix: str = "", **options: Any) -> Any:
        completion = import_module("jitbuild.cli.completion")
        words = getattr(completion, function)(prefix=prefix, **options)
        return completion.continued(prefix, words) if is_list else words

    action.completer = completer  # type: ignore[attr-defined]


def add_spec(
    parser: argparse.ArgumentParser, *, completer: str = "installed_names", **options: Any
) -> None:
    """Add SPEC, by default a single request.

    The shell completes it with the function `completer` of cli/completion.py, by default with the
    interpreters in the store. `options` are passed to `add_argument`.
    """
    options = {"metavar": "SPEC", "help": SPEC_HELP, **options}
    complete_with(parser.add_argument("spec", **options), completer)


def add_json(parser: argparse._ActionsContainer, subject: str) -> None:
    """Add --json. `subject` names the printed data in its help text, for example "the plan"."""
    parser.add_argument("--json", action="store_true", help=f"print {subject} as JSON")


def add_dry_run(parser: argparse.ArgumentParser, verb: str = "removed") -> None:
    """Add --dry-run. `verb` is the participle of the action in its help text."""
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help=f"only show what would be {verb}"
    )


def add_expect(parser: argparse.ArgumentParser) -> None:
    """Add --expect."""
    parser.add_argument(
        "--expect",
        choices=("jit", *JITS),
        default="jit",
        help="the JIT that the interpreter must have (default: jit, any that runs machine code)",
    )


def add_list(
    parser: argparse._ActionsContainer, option: str, *, metavar: str, **options: Any
) -> argparse.Action:
    """Add an option that takes a list (see ListAction), and return its action."""
    action = parser.add_argument(
        option, action=ListAction, metavar=f"{metavar}[,{metavar}]", **options
    )
    if action.choices:
        complete_with(action, "choices_of")
    return action


def add_pythons(parser: argparse.ArgumentParser) -> None:
    """Add --pythons."""
    complete_with(
        add_list(parser, "--pythons", metavar="SPEC", help="default: the setting `pythons`"),
        "known_requests",
    )


def add_modes(parser: argparse.ArgumentParser, help_: str) -> None:
    """Add --modes with the help text `help_`."""
    add_list(parser, "--modes", metavar="MODE", choices=MODES, help=help_)


def add_axes(
    parser: argparse.ArgumentParser, *, several: bool = False, lookup: bool = False
) -> None:
    """Add the options for the axes of a variant.

    With `several`, --jit takes a list. With `lookup`, the options choose among the interpreters of
    the store, and --jit and --profile have no default.
    """
    group = parser.add_argument_group("variant")
    any_fit = "any that fits" if lookup else ""
    jit = f"--enable-experimental-jit= (default: {any_fit or 'yes-off, which serves both modes'})"
    if several:
        add_list(group, "--jit", metavar="JIT", choices=JITS, help=f"{jit}: {', '.join(JITS)}")
    else:
        group.add_argument("--jit", choices=JITS, help=jit)
    group.add_argument(
        "--profile",
        choices=PROFILES,
        help=f"fast to build, release (PGO and LTO), or debug (default: {any_fit or 'fast'})",
    )
    group.add_argument(
        "--tail-call",
        action="store_true",
        default=None,
        help="the tail-calling interpreter (3.14+)",
    )
    group.add_argument(
        "--configure-arg",
        action="append",
        default=[],
        metavar="ARG",
        help="one more argument for configure or build.bat",
    )
    group.add_argument(
        "--patch", action="append", default=[], metavar="FILE", help="apply a patch to the sources"
    )
    add_list(
        group,
        "--include",
        metavar="PART",
        choices=PARTS,
        default=[],
        help=f"parts that fast and release builds leave out: {', '.join(PARTS)}",
    )
    add_provider(group, any_fit or "source")


def add_provider(group: argparse._ActionsContainer, default: str) -> None:
    """Add --provider, and --prebuilt as its short form; the help text names its `default`."""
    group.add_argument(
        "--provider",
        choices=PROVIDERS,
        help="compile it (source), download one that others have built (prebuilt), or download it "
        f"if one fits, else compile it (auto) (default: {default})",
    )
    group.add_argument(
        "--prebuilt",
        action="store_const",
        const="prebuilt",
        dest="provider",
        help="the same as --provider prebuilt",
    )


def stated_axes(options: argparse.Namespace) -> Axes:
    """Return the axes that the command line states.

    Raises UsageError when a patch cannot be read.
    """
    return Axes(
        jit=options.jit,
        profile=options.profile,
        tail_call=options.tail_call,
        configure_args=tuple(options.configure_arg),
        patches=tuple(map(api.read_patch, options.patch)),
        includes=tuple(sorted({*options.include})),
        provider=options.provider,
    )


def requested_plan(options: argparse.Namespace, spec: str, *, platform: str | None = None) -> Plan:
    """Return the plan for `spec`, and the axes and sources that the command line states.

    `platform` is the target to plan for, by default this machine.
    """
    return api.plan(
        spec,
        platform=platform,
        jit=options.jit,
        profile=options.profile,
        tail_call=options.tail_call,
        configure_args=options.configure_arg,
        includes=options.include,
        patches=options.patch,
        provider=options.provider,
        sha256=options.sha256,
        recipes=options.recipes,
    )


def add_sources(parser: argparse.ArgumentParser, *, mirror: bool = True) -> None:
    """Add the options for the origin of sources and recipes; --mirror only if `mirror` is True."""
    group = parser.add_argument_group("sources")
    if mirror:
        place = group.add_argument(
            "--mirror",
            metavar="PLACE",
            help="the only source of archives: a URL, a folder, or `distro` (Debian, Ubuntu)",
        )
        complete_with(place, "mirrors")
    group.add_argument(
        "--sha256",
        metavar="HASH",
        help="the sha256 of the .tar.xz of a release that no recipe pins yet",
    )
    add_recipes(group)


def add_recipes(parser: argparse._ActionsContainer) -> None:
    """Add --recipes."""
    parser.add_argument(
        "--recipes", metavar="DIR", help="a folder of recipes on top of the shipped ones"
    )


def add_registry(parser: argparse._ActionsContainer) -> None:
    """Add --registry."""
    parser.add_argument(
        "--registry",
        metavar="HOST/NAME",
        help="a repository in an OCI registry (default: the setting registry)",
    )


def add_signed_by(parser: argparse._ActionsContainer) -> None:
    """Add --signed-by and --signed-by-issuer."""
    parser.add_argument(
        "--signed-by",
        metavar="IDENTITY",
        help="accept from the registry only what this identity signed, such as the address of a "
        "GitHub workflow with its git reference (default: the setting signed-by; needs "
        "jitbuild[verify])",
    )
    parser.add_argument(
        "--signed-by-issuer",
        metavar="URL",
        help="the issuer that confirms the identity (default: that of GitHub's or GitLab's CI)",
    )


def add_sign(parser: argparse._ActionsContainer) -> None:
    """Add --sign."""
    parser.add_argument(
        "--sign",
        action="store_true",
        help="sign what is pushed with Sigstore, as the identity of this CI job (needs "
        "`id-token: write` in GitHub Actions, and jitbuild[verify])",
    )


def add_llvm(parser: argparse._ActionsContainer) -> None:
    """Add --llvm."""
    llvm = parser.add_argument(
        "--llvm",
        metavar="WHERE",
        help="auto (default), system, managed (wheels, no root), or a path",
    )
    complete_with(llvm, "llvm_origins")


def add_timeout(parser: argparse._ActionsContainer, help_: str) -> None:
    """Add --timeout, a number of seconds, with the help text `help_`."""
    parser.add_argument("--timeout", type=positive_seconds, metavar="S", help=help_)
