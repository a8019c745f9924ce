"""The QuickFIX acceptor: the only package of the service that imports quickfix.

Defects of the engine (QuickFIX 1.16.0 and its Python binding), by the module that works around them:

acceptor.py             An exception that leaves a callback ends the process. SocketAcceptor queues without limit for a
                        client that does not read. sendToTarget searches all sessions under a lock. Without the
                        dictionary, a message's fields are sorted and its groups fall apart.
application.py          A SequenceReset behind a Logout in one read ends the process.
engine.py               Unknown settings are ignored, and so are some unreadable values.
engine_descriptors.py   It uses the number of a closed descriptor, and may close it again.
resend_persistence.py   Every sent message is stored, on disk and in memory. The gap after a stored message that is not
                        sent again is filled wrongly.
socket_injector.py      It listens on every address, waits for a Logon without limit, resets sequence numbers before it
                        asks for a password, obeys a SequenceReset or Reject without a Logon, and stops listening for
                        good after one failed accept.
thread_states.py        Python's thread state is created and destroyed at every callback.

Outside this package: `acceptor/common/connections.py` (send blocks without a timeout, messages may have any length),
`acceptor/common/dictionary.py` (a message that breaks the dictionary is rejected and dropped, a repeating group ends at
the first field that the dictionary does not list in it) and `acceptor/tls/process.py` (the engine's TLS checks no
address and holds a lock during a partial record).
"""
