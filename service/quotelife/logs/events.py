"""Every event that the log can name, by the process that logs it. deploy/LOGS.md shows them as a table."""

from enum import Enum

EVERY, SERVE, FORK = "every process", "supervisor", "fork-server"
VENUES, QUOTING, RECORDER, TLS, SIMULATOR = "marketdata", "quoting", "recorder", "tls", "simulator"


class LogEvent(Enum):
    """In a line it is named in lower case. `process` logs it; `meaning` is for the operator."""

    def __init__(self, process: str, meaning: str) -> None:
        self.process, self.meaning = process, meaning

    def __str__(self) -> str:
        return self.name.lower()

    READY = EVERY, "The process serves; how long each stage of its start took."
    PROCESS_FAILED = EVERY, "The process cannot serve, and ends; the text says why."
    CONFIGURATION_INVALID = EVERY, "The configuration cannot be used; file, key and what is allowed."
    CONFIGURATION_IN_FORCE = EVERY, "The process works by this version of the configuration from now on."
    PACKAGE_MISSING = EVERY, "A package is missing; the text says what to install."
    LISTEN_FAILED = EVERY, "An address or a socket is not available; the process ends."
    MACHINE_SETTING_REFUSED = EVERY, "The system refused a setting of [machine]; the process serves without it."
    BOARD_ATTACHED = EVERY, "The process reads the market from this board."
    BOARD_MISSING = EVERY, "There is no usable board: the market-data process is not running."
    PARAMETERS_APPLIED = EVERY, "The models use these parameters from now on."
    PARAMETERS_REFUSED = EVERY, "New parameters cannot be used; the present ones stay."
    CLIENT_STATISTICS_UNUSABLE = EVERY, "What was learnt of the clients cannot be read; defaults are used."
    UNEXPECTED_EXCEPTION = EVERY, "A defect: what was being done, with the traceback. The process serves on."
    UNCAUGHT_EXCEPTION = EVERY, "A defect that ended a thread or the process, with the traceback."
    PROCESS_OUTPUT = EVERY, "A line that a library wrote to the standard output or error."
    LIBRARY_MESSAGE = EVERY, "A line of a library's own log, which field `logger` names."
    PYTHON_WARNING = EVERY, "A warning of Python or of a library, such as a deprecation."

    KERNELS_COMPILING = SERVE, "The first start compiles the kernels; how many are done."
    KERNELS_COMPILED = SERVE, "All kernels are compiled."
    KERNEL_NOT_COMPILED = SERVE, "A kernel cannot be compiled; the process that needs it fails."
    PROCESS_READY = SERVE, "A process of the service serves."
    PROCESS_ENDED = SERVE, "A process ended before it served; the service ends."
    PROCESS_RESTARTED = SERVE, "A process ended, and is started again."
    PROCESS_KILLED = SERVE, "A process did not end in time, and was killed."
    SERVICE_READY = SERVE, "All processes serve."
    SERVICE_STOPPING = SERVE, "The service ends: a signal, or a process that cannot be started."
    CONTROL_CHANGED = SERVE, "The desk stopped, resumed, or held something."
    CONFIGURATION_REFUSED = SERVE, "A reload was refused; the configuration stays as it is."
    CONFIGURATION_DELAYED = SERVE, "A process has not yet taken over a new configuration."

    FORK_SERVER_SLOW = FORK, "The fork server starts as a program, which takes longer."
    FORK_SERVER_RESTARTED = FORK, "The fork server ended, and is started again; the service runs on."
    MODULE_IMPORTED = FORK, "How long an import took."
    CORES_REFUSED = FORK, "A process is not pinned to its cores; it runs on any."

    VENUE_LOGGED_ON = VENUES, "A session with a venue has begun."
    VENUE_SESSION_ENDED = VENUES, "A session with a venue ended; its books are not quoted."
    VENUE_UNREACHABLE = VENUES, "No connection to a venue; it is tried again."
    VENUE_SEQUENCE_GAP = VENUES, "Messages of a venue are missing and were asked for."
    VENUE_GAP_FILLED = VENUES, "The missing messages have come; books are subscribed again."
    VENUE_REJECT = VENUES, "A venue rejected a message of ours."
    VENUE_MESSAGE_REJECTED = VENUES, "We rejected a message of a venue."
    VENUE_SUBSCRIPTION_REJECTED = VENUES, "A venue refused the market data of some instruments."
    VENUE_DATA_DELAYED = VENUES, "Data of a venue come late; its books are not quoted."
    VENUE_DATA_CURRENT = VENUES, "Data of a venue come in time again."
    VENUE_NEWS = VENUES, "A headline of a venue, with its sentiment where it has one."
    INSTRUMENT_MISMATCH = VENUES, "The venue describes an instrument differently; it is not quoted."
    INSTRUMENT_CONFIRMED = VENUES, "An instrument is again as configured."
    INSTRUMENT_NOT_TRADING = VENUES, "The venue's status of an instrument does not allow trading."
    INSTRUMENTS_STAY_HALTED = VENUES, "Halts of the session before are still in force."
    BOOK_SOURCES_CHANGED = VENUES, "Which venues an aggregated book is made of."

    STATE_RESTORED = QUOTING, "Quotes, requests and positions after a restart."
    SESSIONS_TAKEN_OVER = QUOTING, "Sequence numbers of the other engine are continued."
    LOGON_REFUSED = QUOTING, "A connection was refused before its session began; field `reason`."
    CLIENT_LOGGED_ON = QUOTING, "A client's session has begun."
    CLIENT_LOGGED_OUT = QUOTING, "A client's session has ended."
    CLIENT_DISCONNECTED = QUOTING, "We ended a client's connection; field `reason`."
    CLIENT_REJECT = QUOTING, "A client rejected a message of ours; of a fill it is an error."
    LEDGER_FULL_DISK = QUOTING, "No room could be reserved for the ledger; hits take longer."
    LEDGER_CHECKPOINT_FAILED = QUOTING, "The ledger's write-ahead log grows; its content is safe."
    LEDGER_WRITE_FAILED = QUOTING, "Something could not be stored; what it was is in the text."
    HEDGE_BOOKED = QUOTING, "A hedge moved a position."
    HEDGE_REFUSED = QUOTING, "A hedge was not booked."
    POSITION_CHANGED = QUOTING, "The desk changed a position."

    CAPTURE_FAILED = RECORDER, "Captured market data cannot be written."
    CAPTURE_RESUMED = RECORDER, "Captured market data are written again."
    LEARNING_STEP = RECORDER, "What learning did: kept, went back, took over a fit."
    LEARNING_REFUSED = RECORDER, "Learning refused a step, since its outcome is implausible."
    PARAMETERS_LEARNT = RECORDER, "Learnt parameters are in force."
    FIT_READY = RECORDER, "A new fit is tested before it may take over."
    FIT_FAILED = RECORDER, "There is no new fit; the present one stays."

    CONNECTION_REFUSED = TLS, "A connection was refused before or in its handshake; field `reason`."
    ACCEPT_FAILED = TLS, "The system could not accept a connection."

    MESSAGE_INVALID = SIMULATOR, "A simulated client cannot read a message."
    MESSAGE_UNEXPECTED = SIMULATOR, "A simulated client did not ask for this message."
    OUTCOMES_COUNTED = SIMULATOR, "What became of the requests since the last such line."
    VENUE_RESTARTED = SIMULATOR, "The simulated venue plays a new tape; its clients end."
