// Package fleet owns the adapter processes: it launches one for each adapter, watches and restarts it, and
// hands out its client with limits and deadlines around it. It stands between the workers, which ask for a place
// (Reserve) before they call, and package host, which knows how a plugin process is started and spoken to.
//
// Limits are kept here and nowhere else: one limiter for each (adapter, credential), shared by everything
// that speaks to the ATS, writes first, fed by the manifest and by what the ATS's limit headers say.
package fleet
