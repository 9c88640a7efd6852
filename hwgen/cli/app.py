"""The group of verbs, and what becomes of an error: a message and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Any

import click

from hwgen.cli.output import print_error, print_problem
from hwgen.errors import HwgenError

__all__ = ["run"]

# In the order of the help page.  Each module is imported when its verb is used.
_VERBS = {
    "init": "Write a commented starter spec.",
    "check": "Find every mistake in a spec.",
    "build": "Generate RTL, HLS C++, golden vectors, plan and report.",
    "sim": "Build, then simulate the RTL against the golden model.",
    "csim": "Build, then run the HLS C++ against the golden model.",
    "bitstream": "Synthesise, place, route and pack for a board.",
    "flash": "Load the bitstream into a connected board.",
    "run": "Send tensors to a board and read the results.",
    "report": "Write one self-contained HTML page about a build.",
    "boards": "List the boards that hwgen knows.",
    "ops": "List the ops that a spec can use.",
    "schema": "Print the JSON Schema of a spec, for editors.",
    "doctor": "Say which tools are there, and how to get the others.",
}


class _Verbs(click.Group):
    """Lists the verbs without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command: click.Command = import_module(f"hwgen.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(_VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], _VERBS, n=1)
            guess = f"; did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"No verb {args[0]!r}{guess} Verbs: {', '.join(_VERBS)}", ctx)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"hwgen {metadata.version('hwgen')}")
        ctx.exit()


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 good, 1 verification failed, 2 wrong spec or arguments, 3 a tool is "
    "missing, 4 a limit is exceeded.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    help="Print the version and exit.",
)
def _group() -> None:
    """Compile a YAML model spec into a verified accelerator: RTL, HLS C++ and a bitstream."""


def run(words: Sequence[str]) -> int:
    """Run one verb; return its exit code.  Only KeyboardInterrupt leaves it."""
    as_json = "--json" in words
    try:
        done: Any = _group.main(args=list(words), prog_name="hwgen", standalone_mode=False)
        sys.stdout.flush()
        return done if isinstance(done, int) else 0
    except HwgenError as error:
        print_error(error, as_json)
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        verb = context.command_path if context else "hwgen"
        print_problem("HG920", error.format_message(), f"see {verb} --help", as_json)
        return 2
    except click.Abort:
        raise KeyboardInterrupt from None
    except (BrokenPipeError, SystemExit):  # click exits when it meets the former
        # The reader (`| head`) has what it wanted; Python must not complain at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        if os.environ.get("HWGEN_DEBUG"):
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        hint = "set HWGEN_DEBUG=1 for the traceback, and report it with the spec"
        print_problem("HG999", f"this is a bug in hwgen: {what}", hint, as_json)
        return 1
