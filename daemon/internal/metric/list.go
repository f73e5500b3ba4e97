package metric

// Labels that several metrics have.
var (
	adapterLabel    = Label{Name: "adapter", About: "an adapter of the config"}
	connectionLabel = Label{Name: "connection", About: "a connection's id; the worst ones only, up to `[metrics] max_connections`"}
	passLabel       = Label{Name: "pass", Values: []string{"submit", "status", "jobs", "check", "maintenance", "backups"}}
	resultLabel     = Label{Name: "result", Values: []string{"ok", "failed"}}
	operationLabel  = Label{Name: "operation", Values: []string{"submit", "read", "jobs", "check"}}
	callLabel       = Label{Name: "operation", Values: []string{
		"check", "list_jobs", "submit", "read_statuses", "changes", "find", "handle_webhook", "list_pools", "tracking_link", "vocabulary",
		"begin_auth", "complete_auth", "refresh_auth",
	}}
	sinceLabel = Label{Name: "since", Values: []string{"change", "hint", "look", "seen"}}
	listener   = Label{Name: "listener", Values: []string{"socket", "http", "ops"}}
)

// kinds are the kinds of error that an adapter can answer with.
var kinds = []string{
	"auth", "permission", "config_required", "not_found", "job_closed", "invalid", "duplicate", "attachment", "rate_limited", "transient",
	"ambiguous", "cursor_expired", "unsupported", "remote_changed", "internal",
}

// ages are bounds for times between a second and a week.
var ages = []float64{1, 5, 15, 60, 300, 900, 1800, 3600, 2 * 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600}

func counter(name, help string, labels ...Label) Metric {
	return Metric{Name: name, Type: TypeCounter, Help: help, Labels: labels}
}

func gauge(name, help string, labels ...Label) Metric {
	return Metric{Name: name, Type: TypeGauge, Help: help, Labels: labels}
}

func histogram(name, help string, buckets []float64, labels ...Label) Metric {
	return Metric{Name: name, Type: TypeHistogram, Help: help, Buckets: buckets, Labels: labels}
}

// Groups returns the list.
func Groups() []Group {
	return []Group{
		{"The promise", promise()},
		{"Coming in", comingIn()},
		{"Going into an ATS", goingOut()},
		{"Statuses coming back", comingBack()},
		{"Telling the platform", telling()},
		{"Adapters", adapters()},
		{"Passes", passes()},
		{"Store, journal and backups", storing()},
		{"The daemon", daemon()},
	}
}

// promise is what the daemon is there for: what waits, what nobody knows, which connections are in trouble.
func promise() []Metric {
	states := []string{"submitted", "already_applied", "refused", "cancelled", "expired", "queued", "held", "sending", "uncertain"}
	causes := append([]string{
		"uncertain", "adapter_missing", "many_not_visible", "many_jobs_not_visible", "stalled", "can_send_cannot_read", "unreadable", "other",
	}, kinds...)
	return []Metric{
		gauge("atssync_submissions", "Submissions by state, as the ledger counts them.", Label{Name: "state", Values: states}),
		gauge("atssync_submission_oldest_age_seconds", "Age of the oldest submission in each waiting state, from its acceptance on; held and throttled ones are included.",
			Label{Name: "state", Values: []string{"queued", "held", "sending", "uncertain"}}),
		gauge("atssync_ledger_unbalanced_connections", "Connections whose ledger did not add up at the last check."),
		gauge("atssync_ledger_checked_timestamp_seconds", "When every ledger was last recounted; 0 before the first time."),
		gauge("atssync_connections", "Connections by health, removed ones left out.", Label{Name: "health", Values: []string{"ok", "failing", "stopped"}}),
		gauge("atssync_connections_paused", "Connections that a person or the config file paused."),
		gauge("atssync_connections_troubled", "Connections whose operation does not work, by the cause; draining ones are well again.",
			operationLabel, Label{Name: "cause", Values: causes}),
		gauge("atssync_jobs_troubled", "ATS jobs that take nothing at present, over all connections."),
		gauge("atssync_connection_health", "0 ok, 1 failing, 2 stopped; the worst connections only, up to the configured number.", connectionLabel),
		gauge("atssync_connection_uncertain", "Uncertain submissions of a connection; the worst connections only.", connectionLabel),
		gauge("atssync_connection_waiting", "Submissions of a connection that wait; the worst connections only.", connectionLabel),
		gauge("atssync_connection_oldest_age_seconds", "Age of a connection's oldest waiting submission; the worst connections only.", connectionLabel),
		gauge("atssync_look_age_seconds", "Age of the look at the store that the numbers of submissions, connections and checkpoints come from."),
	}
}

func comingIn() []Metric {
	return []Metric{
		counter("atssync_intake_documents_total", "Documents that the platform sent, by what became of them.", Label{Name: "outcome", Values: []string{
			"accepted", "revised", "unchanged", "invalid", "not_found", "conflict", "gone", "forbidden", "no_space", "failed",
		}}),
		histogram("atssync_intake_duration_seconds", "Time that documents took to be judged and made durable; those of one commit together.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}),
		counter("atssync_http_requests_total", "Requests by listener and by the class of the answer.",
			listener, Label{Name: "class", Values: []string{"1xx", "2xx", "3xx", "4xx", "429", "5xx"}}),
		histogram("atssync_http_request_duration_seconds", "Time from the head of a request to the end of its answer, streams included.",
			[]float64{.001, .005, .025, .1, .5, 2.5, 10, 60}, listener),
		counter("atssync_console_logins_total", "Log-ins to the console.", Label{Name: "result", Values: []string{"ok", "refused", "throttled"}}),
	}
}

func goingOut() []Metric {
	return []Metric{
		counter("atssync_submit_attempts_total", "Attempts to put a submission into an ATS, by the state they ended in.",
			adapterLabel, Label{Name: "outcome", Values: []string{"submitted", "already_applied", "refused", "queued", "held", "uncertain"}}),
		histogram("atssync_submission_end_to_end_seconds", "Time from the acceptance of a submission to its receipt, held and waiting times included.",
			[]float64{.01, .05, .25, 1, 5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600}, adapterLabel),
		counter("atssync_uncertain_lookups_total", "Look-ups of uncertain submissions in an ATS, by what they showed.",
			adapterLabel, Label{Name: "result", Values: []string{"found", "proposed", "absent", "failed"}}),
		counter("atssync_possible_duplicates_total", "Submissions that went into an ATS once more after an answer was lost, because a person or the config said so.", adapterLabel),
		counter("atssync_resume_looks_total", "Looks at the addresses of resumes before they are sent, by what was found.",
			adapterLabel, Label{Name: "result", Values: []string{"fetchable", "unfit", "unreached"}}),
	}
}

func comingBack() []Metric {
	return []Metric{
		histogram("atssync_freshness_seconds", "Time from a change of an application in the ATS to its first delivery by webhook. Since the change by the ATS's clock; "+
			"else since the ATS's call that hinted at it; else since the reading before, which is the most that it can be; else, after a restart, since it was seen.", ages, sinceLabel),
		histogram("atssync_status_lag_seconds", "Time from a change of an application in the ATS to its being stored here, since the same moments as the freshness.", ages,
			adapterLabel, Label{Name: "since", Values: []string{"change", "hint", "look"}}),
		counter("atssync_applications_asked_total", "Applications whose status was asked for.", adapterLabel),
		counter("atssync_applications_changed_total", "Applications that a reading changed.", adapterLabel),
		gauge("atssync_checkpoint_oldest_age_seconds", "Time since the checkpoint of a status pass that moved least lately did, over the active connections that may be read."),
		counter("atssync_hooks_total", "Calls of ATSes by what became of them; those with a wrong address have the adapter none.",
			Label{Name: "adapter", About: "an adapter of the config, or none"}, Label{Name: "result", Values: []string{
				"queued", "not_ours", "replayed", "refused", "unknown", "unsupported", "unavailable", "full", "busy",
			}}),
		gauge("atssync_hints_waiting", "Applications that ATSes hinted at and that were not read since."),
		gauge("atssync_hints_oldest_age_seconds", "Age of the oldest hint that was not read since; those of paused connections are included."),
	}
}

func telling() []Metric {
	return []Metric{
		counter("atssync_webhook_attempts_total", "Requests to webhook endpoints, by how they ended.", Label{Name: "outcome", Values: []string{
			"delivered", "redirect", "refused", "throttled", "server_error", "gone", "timeout", "network", "blocked", "lost",
		}}),
		histogram("atssync_webhook_attempt_duration_seconds", "Time from the beginning of a request to a webhook endpoint to the end of its answer.",
			[]float64{.005, .025, .1, .25, 1, 5, 15, 60}),
		counter("atssync_webhook_deliveries_total", "Deliveries that ended: delivered, or dead after the last attempt.",
			Label{Name: "state", Values: []string{"delivered", "dead"}}),
		histogram("atssync_webhook_lag_seconds", "Time from an event to its first delivery, retries and pauses included.",
			[]float64{.05, .25, 1, 5, 30, 300, 3600, 6 * 3600, 24 * 3600, 8 * 24 * 3600}),
		gauge("atssync_webhook_endpoints", "Webhook endpoints by state.", Label{Name: "state", Values: []string{"active", "paused", "disabled"}}),
		gauge("atssync_webhook_endpoints_failing", "Active webhook endpoints that take nothing and are only probed."),
		gauge("atssync_webhook_pending", "Deliveries that were planned and are neither delivered nor dead."),
		gauge("atssync_webhook_behind_events", "Events that endpoints have not looked at yet, wanted or not; the most of any endpoint."),
		gauge("atssync_webhook_dead", "Deliveries that were given up and not replayed."),
		gauge("atssync_webhook_oldest_pending_age_seconds", "Age of the oldest event that an endpoint wants and has not got, paused and disabled endpoints included."),
	}
}

func adapters() []Metric {
	return []Metric{
		gauge("atssync_adapter_up", "1 while the adapter's process runs.", adapterLabel),
		counter("atssync_adapter_restarts_total", "Times that an adapter's process ended unasked, did not answer, or did not start.",
			adapterLabel, Label{Name: "reason", Values: []string{"ended", "silent", "launch"}}),
		counter("atssync_adapter_calls_total", "Calls to adapters, by operation and by the kind of error (ok: none).",
			adapterLabel, callLabel, Label{Name: "kind", Values: append([]string{"ok", "not_running", "other"}, kinds...)}),
		histogram("atssync_adapter_call_duration_seconds", "Duration of calls to adapters, waiting for limits not included.",
			[]float64{.001, .005, .025, .1, .5, 2.5, 10, 60}, adapterLabel, callLabel),
		gauge("atssync_adapter_calls_in_flight", "Calls to an adapter under way, over all connections.", adapterLabel),
		gauge("atssync_adapter_calls_in_flight_limit", "The most calls to an adapter that may be under way.", adapterLabel),
		gauge("atssync_adapter_calls_waiting", "Calls that wait for a place or for the limits of an ATS.", adapterLabel),
		counter("atssync_adapter_throttle_wait_seconds_total", "Time that calls waited for the limits of an ATS.", adapterLabel),
		gauge("atssync_adapter_credentials_throttled", "Credentials whose ATS asked for quiet, or whose budget is used up by its own account.", adapterLabel),
		gauge("atssync_adapter_rate_budget_left_ratio", "What is left of the rate limit, as a part of it, for the credential of an adapter that has the least; 1 when nobody calls.", adapterLabel),
		counter("atssync_ats_requests_total", "Requests that adapters made to an ATS, by the class of the answer (none: no answer).",
			adapterLabel, callLabel, Label{Name: "class", Values: []string{"none", "1xx", "2xx", "3xx", "4xx", "5xx", "other"}}),
		gauge("atssync_adapter_resident_memory_bytes", "Resident memory of the adapter's process; 0 while none runs.", adapterLabel),
	}
}

func passes() []Metric {
	return []Metric{
		counter("atssync_schedule_runs_total", "Runs of scheduled passes, by result.", passLabel, resultLabel),
		counter("atssync_schedule_skipped_total", "Runs that were due while the pass was still under way.", passLabel),
		gauge("atssync_schedule_last_success_timestamp_seconds", "When a pass last ended without an error; 0 for never.", passLabel),
		gauge("atssync_schedule_last_run_timestamp_seconds", "When the last run of a pass began, however it ended; 0 for never.", passLabel),
		gauge("atssync_schedule_last_duration_seconds", "How long the last run of a pass took, its spread over the interval included.", passLabel),
		gauge("atssync_schedule_next_run_timestamp_seconds", "When a pass is due next; 0 for one without a schedule.", passLabel),
		gauge("atssync_schedule_interval_seconds", "Time between the next two runs of a pass; absent for one without a schedule.", passLabel),
		gauge("atssync_schedule_running", "1 while a run of the pass is under way.", passLabel),
	}
}

func storing() []Metric {
	return []Metric{
		histogram("atssync_store_commit_duration_seconds", "Time of one synced commit of the store.", []float64{.0005, .002, .01, .05, .25, 1, 5}),
		histogram("atssync_store_commit_steps", "Business steps that shared one commit.", []float64{1, 2, 8, 32, 128, 512}),
		counter("atssync_store_commit_bytes_total", "Bytes that commits of the store wrote, before tables are merged."),
		gauge("atssync_store_size_bytes", "What the data folder of the store occupies, its ballast included."),
		gauge("atssync_store_tables_bytes", "Size of the store's tables, which is what is kept; the rest of the folder is logs and ballast."),
		gauge("atssync_store_disk_free_bytes", "What is free on the disk of the store."),
		gauge("atssync_store_disk_size_bytes", "How large the disk of the store is."),
		gauge("atssync_store_disk_intake_floor_bytes", "Nothing new is taken in while less than this is free: the budget of the disk is what lies above."),
		gauge("atssync_store_disk_write_floor_bytes", "Nothing is written at all while less than this is free."),
		gauge("atssync_store_ballast_bytes", "Size of the file that can be given back when the disk is full."),
		gauge("atssync_store_accepting", "1 while the disk allows new submissions."),
		gauge("atssync_store_writable", "1 while the disk allows anything to be written."),
		gauge("atssync_store_commit_number", "Number of the last commit that was acknowledged."),
		gauge("atssync_journal_failing", "1 while the journal of attempts cannot be written."),
		counter("atssync_backups_total", "Backups of this life of the daemon, by result.", resultLabel),
		gauge("atssync_backup_last_success_timestamp_seconds", "When the last backup that was handed over whole began, which is the moment that it holds; 0 for never."),
		gauge("atssync_backup_last_size_bytes", "How large the last whole backup is."),
		gauge("atssync_backup_last_duration_seconds", "How long the last whole backup took."),
	}
}

func daemon() []Metric {
	return []Metric{
		gauge("atssync_build_info", "1, labelled with what is running.",
			Label{Name: "version", About: "the daemon's"}, Label{Name: "goversion", About: "the compiler's"}),
		gauge("atssync_config_last_reload_successful", "1 when the config file was good when it was last read, 0 when it was not and an older configuration is in force."),
		gauge("atssync_config_last_reload_success_timestamp_seconds", "When the configuration in force was read."),
		gauge("atssync_leases_held", "Connections that this daemon works."),
		counter("atssync_lease_fenced_total", "Leases that were lost to another owner while something was done under them."),
		gauge("atssync_lease_heartbeat_timestamp_seconds", "When the heartbeat that keeps the leases was last written."),
		histogram("atssync_lease_heartbeat_duration_seconds", "Time that it took to write a heartbeat.", []float64{.001, .005, .025, .1, .5, 2.5, 10}),
		counter("atssync_clock_jumps_total", "Times that the clock of this machine was set by more than five seconds.",
			Label{Name: "direction", Values: []string{"forward", "back"}}),
		counter("atssync_log_messages_total", "Log lines by level; those below the present level are not counted.",
			Label{Name: "level", Values: []string{"debug", "info", "warn", "error"}}),
	}
}
