"""For whoever keeps the service running."""

from panel import RATE, Panel, quantiles, rate

WHOLE = 'stage="whole"'
CLOCK_HELP = "Clients read ValidUntilTime by their own clock: a second off is a second of lifetime gained or lost."

OPERATIONS = (
    Panel("Is it well"),
    Panel("Processes up", (("quotelife_process_up", "{{process}}"),), kind="stat", width=6, limits=(1,)),
    Panel("Venues up", (("quotelife_marketdata_session_up", "{{venue}}"),), kind="stat", width=3, limits=(1,)),
    Panel("Clients up", (("sum(quotelife_client_session_up)", "sessions"),), kind="stat", width=3),
    Panel("Books", (("quotelife_books", "{{state}}"),), kind="stat", width=6),
    Panel("Alerts", (('count(ALERTS{alertstate="firing"}) or vector(0)', "firing"),), kind="stat", width=3),
    Panel("Restarts", (("sum(quotelife_process_restarts_total)", "since the start"),), kind="stat", width=3),
    Panel("Latency"),
    Panel(
        "Request to quote",
        quantiles("quotelife_stage_seconds", "", WHOLE, (0.5, 0.9, 0.99, 0.999)),
        "s",
        about="From the receipt of a QuoteRequest to the engine's return from sending.",
    ),
    Panel("Stages, p99", quantiles("quotelife_stage_seconds", "stage", levels=(0.99,)), "s"),
    Panel("Market data: read to board", quantiles("quotelife_tick_to_board_seconds", "venue"), "s"),
    Panel(
        "Request to quote, all",
        ((f"sum by (le) (rate(quotelife_stage_seconds_bucket{{{WHOLE}}}[{RATE}]))", "{{le}}"),),
        "s",
        "heatmap",
        12,
    ),
    Panel("Disk before a fill is confirmed", quantiles("quotelife_ledger_seconds", ""), "s", width=6),
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
        "Refused and cut off",
        (
            (f"sum by (reason) (increase(quotelife_logons_refused_total[{RATE}]))", "refused: {{reason}}"),
            (f"sum by (session) (increase(quotelife_clients_cut_off_total[{RATE}]))", "cut off: {{session}}"),
        ),
        width=12,
    ),
    Panel(
        "Asked again and begun anew",
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
        "Venues: gaps and the like",
        (
            (f"sum by (venue) (increase(quotelife_marketdata_gaps_total[{RATE}]))", "{{venue}} gaps"),
            (f"sum by (venue) (increase(quotelife_marketdata_garbled_total[{RATE}]))", "{{venue}} garbled"),
            (f"sum by (venue) (increase(quotelife_marketdata_off_tick_total[{RATE}]))", "{{venue}} off the tick"),
            (f"sum by (venue) (increase(quotelife_marketdata_reconnects_total[{RATE}]))", "{{venue}} connections"),
            (f"sum by (venue) (increase(quotelife_marketdata_resend_requests_total[{RATE}]))", "{{venue}} resends"),
        ),
        width=12,
    ),
    Panel("Fresh and in time"),
    Panel("Age of the books", (("topk(10, quotelife_book_age_seconds)", "{{instrument}}"),), "s", limits=(10, 60)),
    Panel(
        "Clocks: clients",
        (("quotelife_client_clock_offset_seconds", "{{session}} ahead"),),
        "s",
        about=CLOCK_HELP,
    ),
    Panel(
        "Clocks: this machine, venues",
        (
            ("quotelife_clock_offset_seconds", "NTP offset"),
            ("quotelife_clock_max_error_seconds", "NTP greatest error"),
            ("quotelife_venue_time_lag_seconds", "{{venue}}: our receipt after its time"),
            ("quotelife_marketdata_lag_seconds", "{{venue}}: later than the quickest since the Logon"),
        ),
        "s",
    ),
    Panel("Queues and memory"),
    Panel(
        "Waiting",
        (
            ("quotelife_journal_lag_records", "journal records for the recorder"),
            ("quotelife_quotes_running", "quotes running"),
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
            (f"sum by (kind) (rate(quotelife_capture_rows_total[{RATE}]))", "{{kind}} rows a second"),
            (f"sum by (what) (increase(quotelife_capture_dropped_total[{RATE}]))", "dropped: {{what}}"),
        ),
    ),
    Panel("Since the last heartbeat", (("time() - quotelife_heartbeat_timestamp_seconds", "{{process}}"),), "s"),
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
