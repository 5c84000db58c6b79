"""The next model: fitted from log and store, judged against the one at work, kept, and taken back if need be.

=========== =======================================================================================================
module      what it does
=========== =======================================================================================================
judge       compares two models on the newest day, as they would have been served
versions    the folders of the last models, and which of them is at work
journal     what has been tried, and what came of it
attempt     one attempt: fit, judge, fit on everything, put to work
schedule    when a server begins an attempt, in a process of its own
=========== =======================================================================================================
"""
