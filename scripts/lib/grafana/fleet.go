package main

// Which instances and adapters the reader chose.
const (
	in = `job="atssync", instance=~"$instance"`
	by = in + `, adapter=~"$adapter"`
)

var instances = variable{"instance", "Instance", `label_values(atssync_build_info{job="atssync"}, instance)`, true}

// fleet shows the whole daemon: the promise, the traffic, each adapter, what is told, the store and the machine, the passes.
func fleet() board {
	return board{
		uid: "atssync-fleet", title: "atssync: the fleet",
		about:     "What waits, what nobody knows, how fresh statuses are, and what the daemon lives on. Written by scripts/gen.",
		variables: []variable{instances, {"adapter", "Adapter", `label_values(atssync_adapter_up{` + in + `}, adapter)`, true}},
		links:     []link{{"A connection", "atssync-connection"}},
		rows:      []row{promise(), traffic(), adapters(), statuses(), webhooks(), storage(), passes(), machine()},
	}
}

func promise() row {
	return row{"The promise", []panel{
		stat("Freshness, p95", "Change in the ATS → webhook delivered.", "s", new(3600.0), `max(atssync:freshness_seconds:p95{`+in+`})`),
		stat("Oldest that waits", "Queued or being sent, throttled ones included.", "s", new(900.0), `max(atssync_submission_oldest_age_seconds{`+in+`, state=~"queued|sending"})`),
		stat("Uncertain", "Sent, and nobody knows whether they arrived.", "short", new(1.0), `sum(atssync_submissions{`+in+`, state="uncertain"})`),
		stat("Connections stopped", "An operation is not tried until a probe succeeds.", "short", new(1.0), `sum(atssync_connections{`+in+`, health="stopped"})`),
		stat("Oldest event not delivered", "Paused and disabled endpoints included.", "s", new(1800.0), `max(atssync_webhook_oldest_pending_age_seconds{`+in+`})`),
		stat("Ledgers that do not add up", "Must be none.", "short", new(1.0), `sum(atssync_ledger_unbalanced_connections{`+in+`})`),
		graph("Oldest age by state", "From acceptance on; held and throttled ones are included.", "s", query{`max by (state) (atssync_submission_oldest_age_seconds{` + in + `})`, "{{state}}"}),
		graph("What is under way", "Submissions that have not ended.", "short", query{`sum by (state) (atssync_submissions{` + in + `, state=~"queued|held|sending|uncertain"})`, "{{state}}"}),
		graph("Connections in trouble", "By cause.", "short", query{`sum by (cause) (atssync_connections_troubled{` + in + `}) > 0`, "{{cause}}"}),
	}}
}

func traffic() row {
	return row{"Coming in and going out", []panel{
		graph("Documents", "By what became of them.", "ops", query{`sum by (outcome) (atssync:intake_documents:rate5m{` + in + `}) > 0`, "{{outcome}}"}),
		graph("Attempts in an ATS", "By the state they ended in.", "ops", query{`sum by (outcome) (rate(atssync_submit_attempts_total{` + by + `}[5m])) > 0`, "{{outcome}}"}),
		graph("How long it takes", "Until a document is durable, and from its acceptance to its receipt.", "s",
			query{`max(atssync:intake_seconds:p99{` + in + `})`, "durable, p99"}, query{`max by (adapter) (atssync:end_to_end_seconds:p95{` + by + `})`, "{{adapter}} to receipt, p95"}),
		graph("Requests", "On each listener.", "reqps", query{`sum by (listener) (atssync:http_requests:rate5m{` + in + `})`, "{{listener}}"}),
		graph("Requests that end in 5xx", "As a part of all.", "percentunit", query{`max by (listener) (atssync:http_errors:ratio_rate5m{` + in + `})`, "{{listener}}"}),
		graph("Uncertain attempts", "As a part of all.", "percentunit", query{`max by (adapter) (atssync:uncertain:ratio_rate1h{` + by + `})`, "{{adapter}}"}),
	}}
}

func adapters() row {
	return row{"Adapters and ATSes", []panel{
		graph("Calls", "By adapter and operation.", "ops", query{`sum by (adapter, operation) (atssync:adapter_calls:rate10m{` + by + `}) > 0`, "{{adapter}} {{operation}}"}),
		graph("Calls that fail", "For a reason that lies in no application.", "percentunit", query{`max by (adapter, operation) (atssync:adapter_errors:ratio_rate10m{` + by + `})`, "{{adapter}} {{operation}}"}),
		graph("Duration, p95", "Without the waiting for limits.", "s", query{`max by (adapter, operation) (atssync:adapter_call_seconds:p95{` + by + `})`, "{{adapter}} {{operation}}"}),
		graph("Waiting for limits", "Seconds of waiting in a second.", "short", query{`sum by (adapter) (atssync:adapter_throttle_wait:rate10m{` + by + `})`, "{{adapter}}"}),
		graph("Rate budget left", "Of the credential that has the least.", "percentunit", query{`min by (adapter) (atssync_adapter_rate_budget_left_ratio{` + by + `})`, "{{adapter}}"}),
		graph("Calls under way and waiting", "Over all connections.", "short", query{`sum by (adapter) (atssync_adapter_calls_in_flight{` + by + `})`, "{{adapter}} under way"},
			query{`sum by (adapter) (atssync_adapter_calls_waiting{` + by + `})`, "{{adapter}} waiting"}, query{`sum by (adapter) (atssync_adapter_calls_in_flight_limit{` + by + `})`, "{{adapter}} at most"}),
		graph("Requests to the ATS", "By the class of the answer.", "reqps", query{`sum by (adapter, class) (rate(atssync_ats_requests_total{` + by + `}[5m])) > 0`, "{{adapter}} {{class}}"}),
		graph("Restarts", "In 15 minutes.", "short", query{`sum by (adapter, reason) (increase(atssync_adapter_restarts_total{` + by + `}[15m]))`, "{{adapter}} {{reason}}"}),
		graph("Memory of adapters", "Resident.", "bytes", query{`sum by (adapter) (atssync_adapter_resident_memory_bytes{` + by + `})`, "{{adapter}}"}),
	}}
}

func statuses() row {
	return row{"Statuses coming back", []panel{
		graph("Freshness", "Change in the ATS → webhook delivered.", "s", query{`max(atssync:freshness_seconds:p50{` + in + `})`, "p50"}, query{`max(atssync:freshness_seconds:p95{` + in + `})`, "p95"}),
		graph("Delivered within the hour", "As a part of all changes of a day.", "percentunit", query{`min(atssync:freshness_in_time:ratio_rate1d{` + in + `})`, "within an hour"}),
		graph("Its two halves, p95", "Until it was read, and from there to the platform.", "s", query{`max by (adapter) (atssync:status_lag_seconds:p95{` + by + `})`, "{{adapter}} until read"},
			query{`max(atssync:webhook_lag_seconds:p95{` + in + `})`, "webhook"}),
		graph("Read and changed", "Applications.", "ops", query{`sum by (adapter) (rate(atssync_applications_asked_total{` + by + `}[5m]))`, "{{adapter}} asked"},
			query{`sum by (adapter) (rate(atssync_applications_changed_total{` + by + `}[5m]))`, "{{adapter}} changed"}),
		graph("Oldest checkpoint and hint", "What was not read on, and what an ATS hinted at.", "s", query{`max(atssync_checkpoint_oldest_age_seconds{` + in + `})`, "checkpoint"},
			query{`max(atssync_hints_oldest_age_seconds{` + in + `})`, "hint"}),
		graph("Calls of ATSes", "By what became of them.", "reqps", query{`sum by (result) (rate(atssync_hooks_total{` + in + `}[5m])) > 0`, "{{result}}"}),
	}}
}

func webhooks() row {
	return row{"Telling the platform", []panel{
		graph("Requests to endpoints", "By how they ended.", "reqps", query{`sum by (outcome) (rate(atssync_webhook_attempts_total{` + in + `}[5m])) > 0`, "{{outcome}}"}),
		graph("Requests that fail", "As a part of all.", "percentunit", query{`max(atssync:webhook_errors:ratio_rate5m{` + in + `})`, "failed"}),
		graph("Not delivered", "Pending and given up.", "short", query{`sum(atssync_webhook_pending{` + in + `})`, "pending"}, query{`sum(atssync_webhook_dead{` + in + `})`, "dead"},
			query{`max(atssync_webhook_behind_events{` + in + `})`, "not looked at"}),
	}}
}

func storage() row {
	return row{"Store", []panel{
		graph("Size", "Of the data folder, and of what is kept in it.", "bytes", query{`max(atssync_store_size_bytes{` + in + `})`, "folder"}, query{`max(atssync_store_tables_bytes{` + in + `})`, "tables"}),
		graph("Disk", "Intake stops at the first floor, everything at the second.", "bytes", query{`min(atssync_store_disk_free_bytes{` + in + `})`, "free"},
			query{`max(atssync_store_disk_intake_floor_bytes{` + in + `})`, "intake stops"}, query{`max(atssync_store_disk_write_floor_bytes{` + in + `})`, "writes stop"},
			query{`min(atssync:store_disk_budget_left_bytes{` + in + `})`, "left"}),
		graph("Commits", "Duration, p99.", "s", query{`max(atssync:store_commit_seconds:p99{` + in + `})`, "p99"}),
		graph("Written", "By commits, before tables are merged.", "Bps", query{`sum(rate(atssync_store_commit_bytes_total{` + in + `}[5m]))`, "bytes"}),
		graph("Steps in a commit", "The mean.", "short", query{`sum(rate(atssync_store_commit_steps_sum{` + in + `}[5m])) / sum(rate(atssync_store_commit_steps_count{` + in + `}[5m]))`, "steps"}),
		graph("Age of the last backup", "", "s", query{`time() - (max(atssync_backup_last_success_timestamp_seconds{` + in + `}) > 0)`, "age"}),
	}}
}

func passes() row {
	return row{"Passes", []panel{
		graph("Next run", "Seconds until then.", "s", query{`max by (pass) (atssync_schedule_next_run_timestamp_seconds{` + in + `}) - time()`, "{{pass}}"}),
		graph("Since the last run", "", "s", query{`time() - max by (pass) (atssync_schedule_last_run_timestamp_seconds{` + in + `} > 0)`, "{{pass}}"}),
		graph("Duration of the last run", "Its spread over the interval included.", "s", query{`max by (pass) (atssync_schedule_last_duration_seconds{` + in + `})`, "{{pass}}"}),
	}}
}

func machine() row {
	return row{"The daemon", []panel{
		graph("Processor", "Seconds in a second.", "short", query{`sum by (instance) (rate(process_cpu_seconds_total{` + in + `}[5m]))`, "{{instance}}"}),
		graph("Memory", "Resident.", "bytes", query{`sum by (instance) (process_resident_memory_bytes{` + in + `})`, "{{instance}}"}),
		graph("Log lines", "Warnings and errors.", "ops", query{`sum by (level) (rate(atssync_log_messages_total{` + in + `, level=~"warn|error"}[5m]))`, "{{level}}"}),
	}}
}
