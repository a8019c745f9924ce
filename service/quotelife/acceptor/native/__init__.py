"""The native acceptor: one thread with an event loop, in which every client's connection takes its turns.

acceptor.py          what the quoting process uses: start, stop, another version, the monitor's withdrawals
loop_thread.py       the thread
sessions.py          the sessions of the configuration, with their stores and dictionaries
dictionaries.py      what is checked of a message before anybody reads it
client_session.py    one of them: the state machine of `quotelife.fix.acceptor`, and whose turn it is to send
connection.py        its connection: messages and events in their order, one after the other
receive_buffer.py    bytes to messages
plain_turn.py        the kernel that answers a plain request, from the socket's bytes to the socket's bytes
plain_messages.py    calls it, and does what follows
outbox.py            bytes to the socket, and clients that do not read
outcomes.py          what the handler answers, to the sessions; from any thread
store_threads.py     what waits for the disk
session_metrics.py   counts session messages
warm_up.py           plain requests through a pair of sockets, before the first Logon

A message is handled before the next one of its session is looked at. A hit waits for the disk in a thread of its own;
the other sessions do not notice.

Two locks, always in this order: a session's (its sequence numbers, its socket), the handler's.
"""
