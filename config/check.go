package config

import (
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
)

// A socket's path must fit the kernel's 108 bytes, with room for the names that plugins use beside it.
const (
	maxSocketPath = 100
	maxRuntimeDir = 60
)

// maxNote bounds a note template; the rendered note is bounded by each adapter's manifest.
const maxNote = 64 << 10

// complete fills in the keys whose default is made of another key.
func (c *Config) complete(s source) {
	d := &c.Daemon
	d.DataDir, d.RuntimeDir = s.path(d.DataDir), s.path(d.RuntimeDir)
	orDefault(&d.Socket, filepath.Join(d.RuntimeDir, "atssync.sock"))
	orDefault(&c.Store.Dir, filepath.Join(d.DataDir, "store"))
	orDefault(&c.Store.KeyFile, filepath.Join(d.DataDir, "seal.key"))
	orDefault(&c.Store.Journal, filepath.Join(d.DataDir, "attempts.log"))
	orDefault(&c.Platform.PartnerName, c.Platform.Name)
	c.HTTP.PublicURL = strings.TrimRight(c.HTTP.PublicURL, "/")
	for name, a := range c.Adapters.Named {
		orDefault(&a.Path, filepath.Join(c.Adapters.Dir, name))
		c.Adapters.Named[name] = a
	}
	for i := range c.Connections {
		orDefault(&c.Connections[i].Name, c.Connections[i].ID)
	}
}

func orDefault(to *string, value string) {
	if *to == "" {
		*to = value
	}
}

// check judges what no key can judge by itself.
func (c *Config) check(r *reader) {
	if n := len(c.Daemon.Socket); n > maxSocketPath {
		r.problem("daemon.socket", fmt.Sprintf("the path of the socket has %d bytes and a socket's path may have %d; choose a shorter folder", n, maxSocketPath))
	}
	if n := len(c.Daemon.RuntimeDir); n > maxRuntimeDir {
		r.problem("daemon.runtime_dir", fmt.Sprintf("the path has %d bytes and may have %d, as sockets lie in it; choose a shorter folder", n, maxRuntimeDir))
	}
	if c.Adapters.CAFile != "" {
		_, err := readSmall(c.Adapters.CAFile, maxFile)
		r.err("adapters.ca_file", err)
	}
	c.HTTP.check(r)
	r.note("submissions", &c.Submissions.NoteTemplate, c.Submissions.NoteTemplateFile)
	for _, name := range slices.Sorted(maps.Keys(c.Adapters.Named)) {
		at := join("adapters", name)
		if err := identifier(name); err != nil {
			r.problem(at, "the name of an adapter "+err.Error())
		}
		if r.checks.Adapter != nil {
			r.findings(at, r.checks.Adapter(name, c.Adapters.Named[name]))
		}
	}
	c.checkConnections(r)
	c.checkJobLinks(r)
	c.checkWebhooks(r)
	c.doubt(r)
}

// check refuses a listener that would send secrets in plain text over a network.
func (h *HTTP) check(r *reader) {
	if (h.TLSCert == "") != (h.TLSKey == "") {
		at, other := "http.tls_cert", "tls_key"
		if h.TLSCert == "" {
			at, other = "http.tls_key", "tls_cert"
		}
		r.problem(at, "a certificate and its key go together; add "+other)
	}
	if h.Listen != "" && h.TLSCert == "" && !h.Insecure && !loopback(h.Listen) {
		r.problem("http.listen", "this address can be reached from other machines, and without TLS tokens and applications would cross the network in plain text; "+
			"add tls_cert and tls_key, listen on 127.0.0.1 behind a proxy, or say insecure = true")
	}
}

// loopback reports whether an address is for this machine alone. A name counts by what it says, not by what it may
// resolve to.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true // it has its problem already
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// note reads the template of the section at key from its file, if it has one, and has it checked.
func (r *reader) note(key string, template *string, file string) {
	at := join(key, "note_template")
	if file != "" {
		at = join(key, "note_template_file")
		if *template != "" {
			r.problem(at, "give the template here or in note_template, not in both")
			return
		}
		text, err := readSmall(file, maxNote)
		if err != nil {
			r.problem(at, err.Error())
			return
		}
		*template = text
	}
	if *template != "" && r.checks.Note != nil {
		r.err(at, r.checks.Note(*template))
	}
}

func (c *Config) checkConnections(r *reader) {
	first := map[string]int{}
	for i := range c.Connections {
		con, at := &c.Connections[i], index("connections", i)
		r.required(at, "id", con.ID)
		r.required(at, "account", con.Account)
		r.required(at, "adapter", con.Adapter)
		if j, twice := first[con.ID]; twice && con.ID != "" {
			r.problem(join(at, "id"), fmt.Sprintf("the id %s is taken by another connection (line %d)", con.ID, r.lines.line(join(index("connections", j), "id"))))
		} else {
			first[con.ID] = i
		}
		r.note(at, &con.NoteTemplate, con.NoteTemplateFile)
		orDefault(&con.NoteTemplate, c.Submissions.NoteTemplate)
		orDefault(&con.OnUncertain, c.Submissions.OnUncertain)
		orDefault(&con.ResumeCheck, c.Submissions.ResumeCheck)
		orDefault(&con.LastNameFallback, c.Submissions.LastNameFallback)
		for j, o := range con.StatusOverrides {
			r.override(index(join(at, "status_overrides"), j), o)
		}
		if r.checks.Connection != nil && con.Adapter != "" {
			r.findings(at, r.checks.Connection(*con))
		}
	}
}

func (r *reader) override(at string, o StatusOverride) {
	switch {
	case o.Match == Match{}:
		r.problem(at, "match is missing; without it every application would be changed")
	case o.Status == "" && o.Phase == "":
		r.problem(at, "neither status nor phase is set, so nothing would change")
	case r.checks.Status != nil:
		r.err(at, r.checks.Status(o.Status, o.Phase))
	}
}

func (c *Config) checkJobLinks(r *reader) {
	type pair struct{ connection, job string }
	first := map[pair]int{}
	for i, l := range c.JobLinks {
		at := index("job_links", i)
		r.required(at, "connection", l.Connection)
		c.linked(r, at, l.Connection)
		r.required(at, "platform_job", l.PlatformJob)
		r.required(at, "ats_job", l.ATSJob)
		if j, twice := first[pair{l.Connection, l.PlatformJob}]; twice && l.PlatformJob != "" {
			r.problem(at, fmt.Sprintf("the platform job %s is linked on this connection already (line %d)", l.PlatformJob, r.lines.line(index("job_links", j))))
		} else {
			first[pair{l.Connection, l.PlatformJob}] = i
		}
		if l.Pool != "" && l.As != "prospect" {
			r.problem(join(at, "pool"), `a pool is for prospects; add as = "prospect"`)
		}
		if l.PoolStage != "" && l.Pool == "" {
			r.problem(join(at, "pool_stage"), "a stage needs its pool; add pool")
		}
	}
}

// required reports a key that is missing. One that is there but was not accepted has its problem already.
func (r *reader) required(at, name, value string) {
	if _, written := r.lines[join(at, name)]; value == "" && !written {
		r.problem(at, name+" is missing")
	}
}
