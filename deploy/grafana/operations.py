"""Panels of the operations dashboard: health, latency, load, sessions, clocks, resources."""

from panel import RATE, Panel, quantiles, rate

WHOLE = 'stage="whole"'
CLOCK_HELP = (
    "Clients compare ValidUntilTime with their own clock: each second of offset adds or removes a second of lifetime."
)

OPERATIONS = (
    Panel("Health"),
    Panel("Processes up", (("quotelife_process_up", "{{process}}"),), kind="stat", width=6, limits=(1,)),
    Panel("Venue sessions up", (("quotelife_marketdata_session_up", "{{venue}}"),), kind="stat", width=3, limits=(1,)),
    Panel("Client sessions up", (("sum(quotelife_client_session_up)", "sessions"),), kind="stat", width=3),
    Panel("Books", (("quotelife_books", "{{state}}"),), kind="stat", width=6),
    Panel("Alerts", (('count(ALERTS{alertstate="firing"}) or vector(0)', "firing"),), kind="stat", width=3),
    Panel("Restarts", (("sum(quotelife_process_restarts_total)", "since start"),), kind="stat", width=3),
    Panel("Latency"),
    Panel(
        "Request to quote",
        quantiles("quotelife_stage_seconds", "", WHOLE, (0.5, 0.9, 0.99, 0.999)),
        "s",
        about="From the receipt of a QuoteRequest until the engine's send returns.",
    ),
    Panel("Stages, p99", quantiles("quotelife_stage_seconds", "stage", levels=(0.99,)), "s"),
    Panel("Market data: socket to board", quantiles("quotelife_tick_to_board_seconds", "venue"), "s"),
    Panel(
        "Request to quote, distribution",
        ((f"sum by (le) (rate(quotelife_stage_seconds_bucket{{{WHOLE}}}[{RATE}]))", "{{le}}"),),
        "s",
        "heatmap",
        12,
    ),
    Panel("Ledger commit before a fill is confirmed", quantiles("quotelife_ledger_seconds", ""), "s", width=6),
    Panel("Kernel: bytes to features", quantiles("quotelife_decode_seconds", "venue"), "s", width=6),
    Panel("Load"),
    Panel("Requests", ((f"sum(rate(quotelife_requests_total[{RATE}]))", "requests"),), "reqps"),
    Panel("Refusals", rate("quotelife_rejects_total", "reason"), "reqps"),
    Panel(
        "Market data",
        (
            (f"sum by (venue) (rate(quotelife_marketdata_messages_total[{RATE}]))", "{{venue}} messages"),
            (f"sum by (venue) (rate(quotelife_marketdata_entries_total[{RATE}]))", "{{venue}} entries"),
        ),
        "cps",
    ),
    Panel("Sessions"),
    Panel("Client sessions", (("quotelife_client_session_up", "{{session}}"),), kind="state-timeline", width=12),
    Panel(
        "Refused and disconnected",
        (
            (f"sum by (reason) (increase(quotelife_logons_refused_total[{RATE}]))", "refused: {{reason}}"),
            (f"sum by (session) (increase(quotelife_clients_cut_off_total[{RATE}]))", "disconnected: {{session}}"),
        ),
        width=12,
    ),
    Panel(
        "Resends and sequence resets",
        (
            (
                f"sum by (session, direction) (increase(quotelife_client_resend_requests_total[{RATE}]))",
                "{{session}} ResendRequests {{direction}}",
            ),
            (
                f"sum by (session, direction) (increase(quotelife_client_sequence_resets_total[{RATE}]))",
                "{{session}} resets {{direction}}",
            ),
        ),
        width=12,
    ),
    Panel(
        "Venues: gaps and errors",
        (
            (f"sum by (venue) (increase(quotelife_marketdata_gaps_total[{RATE}]))", "{{venue}} gaps"),
            (f"sum by (venue) (increase(quotelife_marketdata_garbled_total[{RATE}]))", "{{venue}} garbled"),
            (f"sum by (venue) (increase(quotelife_marketdata_off_tick_total[{RATE}]))", "{{venue}} off tick"),
            (f"sum by (venue) (increase(quotelife_marketdata_reconnects_total[{RATE}]))", "{{venue}} reconnects"),
            (f"sum by (venue) (increase(quotelife_marketdata_resend_requests_total[{RATE}]))", "{{venue}} resends"),
        ),
        width=12,
    ),
    Panel("Staleness and clocks"),
    Panel("Age of the books", (("topk(10, quotelife_book_age_seconds)", "{{instrument}}"),), "s", limits=(10, 60)),
    Panel(
        "Clocks: clients",
        (("quotelife_client_clock_offset_seconds", "{{session}} ahead"),),
        "s",
        about=CLOCK_HELP,
    ),
    Panel(
        "Clocks: machine and venues",
        (
            ("quotelife_clock_offset_seconds", "NTP offset"),
            ("quotelife_clock_max_error_seconds", "NTP maximum error"),
            ("quotelife_venue_time_lag_seconds", "{{venue}}: receive time minus venue time"),
            ("quotelife_marketdata_lag_seconds", "{{venue}}: delay above the minimum since Logon"),
        ),
        "s",
    ),
    Panel("Queues and resources"),
    Panel(
        "Queues",
        (
            ("quotelife_journal_lag_records", "journal records waiting for the recorder"),
            ("quotelife_quotes_running", "open quotes"),
            ("quotelife_subscriptions", "subscriptions"),
        ),
    ),
    Panel(
        "Recorder",
        (
            (f"sum(increase(quotelife_journal_lost_total[{RATE}]))", "records lost"),
            *((e, f"commit {legend}, s") for e, legend in quantiles("quotelife_history_commit_seconds", "")),
        ),
    ),
    Panel(
        "Capture",
        (
            (f"sum by (kind) (rate(quotelife_capture_rows_total[{RATE}]))", "{{kind}} rows per second"),
            (f"sum by (what) (increase(quotelife_capture_dropped_total[{RATE}]))", "dropped: {{what}}"),
        ),
    ),
    Panel("Heartbeat age", (("time() - quotelife_heartbeat_timestamp_seconds", "{{process}}"),), "s"),
    Panel("CPU", ((f"rate(quotelife_process_cpu_seconds_total[{RATE}])", "{{process}}"),), "percentunit", width=6),
    Panel("Memory", (("quotelife_process_resident_memory_bytes", "{{process}}"),), "bytes", width=6),
    Panel("Open files", (("quotelife_process_open_fds", "{{process}}"),), width=6),
    Panel(
        "Disk in use",
        (("1 - quotelife_disk_free_bytes / quotelife_disk_size_bytes", "{{folder}}"),),
        "percentunit",
        width=6,
    ),
    Panel(
        "Version",
        (("quotelife_build_info", "{{version}}, Python {{python}}, {{engine}}, numba {{numba}}"),),
        kind="stat",
        width=24,
    ),
)
