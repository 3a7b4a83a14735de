"""The command itself: what is asked for, and what is said of it."""

import argparse
import sys
from pathlib import Path
from typing import Any

from mai_usage_ext.errors import BadInput
from mai_usage_ext.frontend_patch.blocks import CannotApply
from mai_usage_ext.frontend_patch.recipes import RECIPES, Recipe
from mai_usage_ext.frontend_patch.tree import State, Tree, version_of

__all__ = ["add_command"]

_EXIT = {State.CURRENT: 0, State.ABSENT: 1, State.OUTDATED: 1}


def add_command(commands: Any) -> None:
    """On the subparsers of the command line."""
    parser = commands.add_parser(
        "frontend-patch", help="add our tabs to the sources of a front end you build yourself"
    )
    parser.add_argument("path", type=Path, help="the folder of the sources, with package.json")
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--check",
        action="store_true",
        help="only say how it is (default): 0 applied, 1 not, 2 cannot be",
    )
    action.add_argument("--apply", action="store_true", help="add them, or renew them")
    action.add_argument("--revert", action="store_true", help="take them out again")
    parser.add_argument(
        "--made-from",
        metavar="VERSION",
        help="the Open WebUI that a fork with version numbers of its own was made from",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    tree = Tree(args.path, _recipe_of(args))
    try:
        if args.apply:
            return _say("added to" if tree.apply() else "is up to date in", args.path)
        if args.revert:
            return _say("taken out of" if tree.revert() else "was not in", args.path)
        state = tree.state()
    except CannotApply as error:
        print(f"mai-usage: {error}", file=sys.stderr)
        return 2
    print(f"{args.path}: {state.value}")
    return _EXIT[state]


def _say(what: str, path: Path) -> int:
    print(f"the pages of mai_usage_ext: {what} {path}")
    return 0


def _recipe_of(args: argparse.Namespace) -> Recipe:
    version = args.made_from or version_of(args.path)
    recipe = RECIPES.get(version)
    if recipe is None:
        where = "--made-from" if args.made_from else f"{args.path / 'package.json'}: version"
        expected = f"one of {', '.join(RECIPES)} (a fork says with --made-from which it is)"
        raise BadInput(where, got=version, expected=expected)
    return recipe
