package main

// connection shows one connection as far as it has series of its own: only the worst ones have.
func connection() board {
	const one = in + `, connection=~"$connection"`
	return board{
		uid: "atssync-connection", title: "atssync: a connection",
		about: "Connections with something wrong or something waiting, the worst ones up to [metrics] max_connections. One that is well has no series. " +
			"Everything else about it: atssync connections show, and the console. Written by scripts/gen.",
		variables: []variable{instances, {"connection", "Connection", `label_values(atssync_connection_health{` + in + `}, connection)`, true}},
		links:     []link{{"The fleet", "atssync-fleet"}},
		rows: []row{
			{"The promise", []panel{
				stat("Health", "0 ok, 1 failing, 2 stopped.", "short", new(1.0), `max(atssync_connection_health{`+one+`})`),
				stat("Uncertain", "Sent, and nobody knows whether they arrived.", "short", new(1.0), `sum(atssync_connection_uncertain{`+one+`})`),
				stat("Waiting", "Queued, held, being sent or uncertain.", "short", nil, `sum(atssync_connection_waiting{`+one+`})`),
				stat("Oldest that waits", "From its acceptance on.", "s", new(900.0), `max(atssync_connection_oldest_age_seconds{`+one+`})`),
				stat("All connections stopped", "To tell one's own trouble from everybody's.", "short", new(1.0), `sum(atssync_connections{`+in+`, health="stopped"})`),
				stat("Age of the look", "How old these numbers are.", "s", nil, `max(atssync_look_age_seconds{`+in+`})`),
			}},
			{"Over time", []panel{
				graph("Health", "0 ok, 1 failing, 2 stopped.", "short", query{`max by (connection) (atssync_connection_health{` + one + `})`, "{{connection}}"}),
				graph("Waiting", "", "short", query{`sum by (connection) (atssync_connection_waiting{` + one + `})`, "{{connection}}"}),
				graph("Oldest that waits", "", "s", query{`max by (connection) (atssync_connection_oldest_age_seconds{` + one + `})`, "{{connection}}"}),
				graph("Uncertain", "", "short", query{`sum by (connection) (atssync_connection_uncertain{` + one + `})`, "{{connection}}"}),
			}},
			{"What it shares with others", []panel{
				graph("Trouble by cause", "Over all connections.", "short", query{`sum by (operation, cause) (atssync_connections_troubled{` + in + `}) > 0`, "{{operation}} {{cause}}"}),
				graph("Calls that fail", "Over all connections of an adapter.", "percentunit", query{`max by (adapter, operation) (atssync:adapter_errors:ratio_rate10m{` + in + `})`, "{{adapter}} {{operation}}"}),
				graph("Rate budget left", "Of the credential that has the least.", "percentunit", query{`min by (adapter) (atssync_adapter_rate_budget_left_ratio{` + in + `})`, "{{adapter}}"}),
			}},
		},
	}
}
