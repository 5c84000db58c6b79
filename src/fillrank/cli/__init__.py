"""The command line: each command parses its arguments, calls the library, and prints.

Nothing here imports PyTorch, polars or NumPy at module level, so that ``fillrank --help`` answers at once.

=========== ====================================================================================================
module      what it holds
=========== ====================================================================================================
app         the list of commands, and ``main``
shell       how a command ends: the exit code, and errors in a line or two
options     the options that several commands share, and what stands behind them: logs, splits, ``KEY=VALUE``
output      JSON, tables, files
wording     messages of the library in the words of the command line: ``item=…`` becomes ``--read item=…``
overwriting whether a file or a folder may be replaced
data        ``data list``, ``data info``, ``data inspect``
log_check   what ``data inspect`` finds out about a log
models      ``compare``, ``fit``, ``evaluate``
tune        ``tune``
report      ``report``
update      ``update``
reproduce   ``reproduce``
lists       ``recommend``, ``similar``, ``explain``
list_rules  what may be on a list: ``--only``, ``--where``, ``--at-most``, ``--item-table``
complete    ``complete``
lab         ``lab``
demo        ``demo``
doctor      ``doctor``
retrain     ``retrain``, ``rollback``
serve       ``serve``
store       ``store dump``, ``store restore``, ``store keys``
=========== ====================================================================================================
"""

from fillrank.cli.app import app, main

__all__ = ["app", "main"]
