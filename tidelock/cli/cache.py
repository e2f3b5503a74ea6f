"""`tidelock cache`: the commands for caches, in the order in which `--help` shows them."""

import typer

from tidelock.cli import exits
from tidelock.cli.deferred import defer

cache_app = typer.Typer(
    help="Make, fill, empty and look at caches; see who has which entry, and what became of it.\n\n"
    "Start with `tidelock cache create prices`, `tidelock cache put prices sku/42 1999`, "
    "`tidelock cache get prices sku/42`, `tidelock cache entry prices sku/42`.\n\n"
    "Values are taken and given as they are; programs that use a codec (JSON, say) put theirs as that writes them.",
    no_args_is_help=True, pretty_exceptions_enable=False, epilog=exits.HELP, rich_markup_mode="rich",
)  # fmt: skip

defer(
    cache_app,
    "create",
    "tidelock.cli.cache_manage:create",
    "Make a cache. If it is there with the same settings, that is fine; with others, the exit code is 1.",
)
defer(
    cache_app,
    "put",
    "tidelock.cli.cache_entries:put",
    "Put a value; print its version. Of a STRICT cache: nobody reads the old one any more.",
)
defer(
    cache_app,
    "get",
    "tidelock.cli.cache_entries:get",
    "Print the value of an entry as it is; exit code 1 if there is none.",
)
defer(
    cache_app,
    "delete",
    "tidelock.cli.cache_entries:delete",
    "Remove an entry. One that is not there is fine.",
)
defer(
    cache_app,
    "invalidate",
    "tidelock.cli.cache_entries:invalidate",
    "Remove all entries that have a tag; print how many. Of a STRICT cache: nobody reads one of them any more.",
)
defer(
    cache_app,
    "warm",
    "tidelock.cli.cache_entries:warm_entries",
    "Put in the entries of a file that are missing; what is there stays.",
)
defer(
    cache_app,
    "list",
    "tidelock.cli.cache_look:list_caches",
    "List all caches: mode, shards, entries, lines, who waits.",
)
defer(
    cache_app,
    "show",
    "tidelock.cli.cache_look:show_cache",
    "Show a cache: its settings, and shard by shard its entries, lines, clients and who waits: never stale.",
)
defer(
    cache_app,
    "entry",
    "tidelock.cli.cache_look:show_entry",
    "Show an entry as the directory has it: version, size, tags, what is under way, and who has lines of it.",
)
defer(
    cache_app,
    "history",
    "tidelock.cli.cache_history:history",
    "Tell what became of an entry: read, written, called away from whom, waited for whom, lost, removed, and why.",
)
defer(
    cache_app,
    "watch",
    "tidelock.cli.cache_watch:watch",
    "Tell what ends or replaces values of a cache, and lines of its clients, as it happens, until Ctrl-C.",
)
defer(
    cache_app,
    "configure",
    "tidelock.cli.cache_manage:configure",
    "Change some settings of a cache; the others stay. Without any option it shows them.",
)
defer(
    cache_app,
    "delete-cache",
    "tidelock.cli.cache_manage:delete_cache",
    "Remove a cache and all in it, also what clients have written and not brought back. None there is fine.",
)
