"""Reading: files, text, tables and matrices become the columns of a log; rows that cannot be read are reported.

The modules, in the order in which a file passes through them:

============= ==================================================================================================
module        what it does
============= ==================================================================================================
read          the entry: ``read`` and ``scan``
options       the options of reading, checked once
files         finds the files that a path, a folder or a pattern names, and opens them
compression   unpacks gzip, zstd, bzip2 and xz, with a limit on what comes out
archive       picks the one log in a zip archive
encoding      bytes become UTF-8
signatures    refuses files that are no logs (databases, pictures, pickles) by their first bytes
formats       the list of formats, and what every reader of a format gives back
own_formats   readers of formats that a program or an installed package adds
detect        decides the format, and picks its reader
sniff         guesses the separator and whether there is a header
layout        finds comments, title lines and the header above the rows of a text
lines         lines of a text, and what is wrong with them
chunks        cuts a text into chunks that end where a record ends
spans         finds the records of a chunk in its bytes
delimited     reader of CSV and its kin
jsonl         reader of JSON lines and JSON arrays
lightgcn      reader of the LightGCN text format (``user item item …``)
matrix_market reader of MatrixMarket files
typed         reader of Parquet and Arrow
guard         turns errors of the parsers into errors that say what is wrong with the file
quiet         keeps messages that a parser writes by itself away from the terminal
names         the usual names of columns
columns       decides which column holds users, items, values, times, titles and weights
events        the weight of each type of event
missing       which cells count as missing
clean         checks the cells of a chunk, and sets bad rows aside with a reason
coding        replaces ids by consecutive numbers, chunk by chunk
titles        keeps the title of each item
collect       collects the checked chunks of all files
result        builds the columns of the log, or the error that names the bad rows
read_result   the log with the counts of bad and repeated rows
assemble      the columns of a log from a frame that is known to be good
database      the rows of a query, from a database
frames        a log from a frame, arrays or a sparse matrix in memory
table         a table of any columns, such as what is known of items
accepted      what functions accept in the place of a log: a table, a path, a sparse matrix
============= ==================================================================================================
"""
