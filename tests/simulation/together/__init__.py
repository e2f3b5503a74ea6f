"""Histories of all kinds together: machines that are nodes work with every kind while everything dies and freezes.

To add a kind: write its `Subject` (tests/simulation/subject.py) with books that judge its log, and name in `hands` the
programs (tests/simulation/users.py) by which a node works with it; add it to `together.history.subjects`, made so that
it starts nobody itself. What ends with a session is judged here for every kind: `KindSpec.sessions_of` says what
belongs to one.
"""
