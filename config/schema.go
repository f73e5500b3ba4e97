package config

import (
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keys binds every key of the file to its place in c. This is the whole schema.
func (c *Config) keys() []key {
	return []key{
		{name: "platform", doc: "The product that runs atssync, as employers see it.", value: section{c.Platform.keys()}},
		{name: "daemon", doc: "The process itself. A path that is not absolute is taken from this file's folder.", value: section{c.Daemon.keys()}},
		{name: "store", doc: "Where everything is kept. Every answer is synced to disk before it is given.", value: section{c.Store.keys()}},
		{name: "submissions", doc: "How applications are taken in and sent.", value: section{c.Submissions.keys()}},
		{name: "status", doc: "How statuses are brought back.", value: section{c.Status.keys()}},
		{name: "schedules", doc: `When passes run: a cron line, "@every 1m", or { spec = "0 6 * * *", zone = "Europe/Berlin" }; UTC without a zone.`, value: section{c.Schedules.keys()}},
		{name: "adapters", doc: "The programs that speak to applicant tracking systems.", value: family{
			section: section{c.Adapters.keys()},
			doc:     "What one adapter is given. An adapter in the folder above needs no entry of its own.",
			member:  c.Adapters.member,
		}},
		{name: "delivery", doc: "How events are sent to webhooks.", value: section{c.Delivery.keys()}},
		{name: "retention", doc: "How long is kept what nobody needs any more; tidied by the maintenance pass. Counters, keys and receipts are kept without end.", value: section{c.Retention.keys()}},
		{name: "backup", doc: "Backups that the daemon makes by itself, when [schedules] backups says. Others are made with atssync backup.", value: section{c.Backup.keys()}},
		{name: "http", doc: "The platform's way in: the JSON API over HTTP, with tokens of atssync tokens create, described at /v1/docs; and the pages for people.", value: section{c.HTTP.keys()}},
		{name: "console", doc: "The pages for those who run the daemon, at /console of [http]. Log in with a token, or with the link that atssync console prints.", value: section{c.Console.keys()}},
		{name: "ops", doc: "Metrics and health, for this machine.", value: section{c.Ops.keys()}},
		{name: "metrics", doc: "What /metrics shows.", value: section{c.Metrics.keys()}},
		{name: "connections", doc: "A connection that stands here is read-only elsewhere. Others are made with atssync connect.", value: list{"connections", func() []key {
			c.Connections = append(c.Connections, Connection{})
			return c.Connections[len(c.Connections)-1].keys()
		}}},
		{name: "job_links", doc: "A job link that stands here is read-only elsewhere. Others are made with atssync link.", value: list{"job_links", func() []key {
			c.JobLinks = append(c.JobLinks, JobLink{As: "candidate"})
			return c.JobLinks[len(c.JobLinks)-1].keys()
		}}},
		{name: "webhooks", doc: "A webhook that stands here is read-only elsewhere. Others are made with atssync webhooks create.", value: list{"webhooks", func() []key {
			c.Webhooks = append(c.Webhooks, Webhook{})
			return c.Webhooks[len(c.Webhooks)-1].keys()
		}}},
	}
}

func (p *Platform) keys() []key {
	return []key{
		{name: "name", doc: "The platform's name.", value: text{&p.Name, filled}},
		{name: "url", doc: "Its home page.", value: text{&p.URL, webAddress}},
		{name: "logo_url", doc: "Its logo, shown to employers.", value: text{&p.LogoURL, webAddress}},
		{name: "support_contact", doc: "Where an employer finds help: an e-mail address, phone number or page.", value: text{to: &p.SupportContact}},
		{name: "support_hours", doc: "When somebody answers there, in words.", value: text{to: &p.SupportHours}},
		{name: "partner_name", doc: "The name under which the ATSes list the platform as a partner, if it is another one.", value: text{to: &p.PartnerName}},
	}
}

func (d *Daemon) keys() []key {
	return []key{
		{name: "data_dir", doc: "Everything that must survive.", value: path{&d.DataDir}},
		{name: "runtime_dir", doc: "Sockets, gone after a restart.", value: path{&d.RuntimeDir}},
		{name: "socket", doc: "The socket of the command line; runtime_dir/atssync.sock when empty.", value: path{&d.Socket}},
		{name: "socket_group", doc: "The group that may use the socket; the daemon's own when empty.", value: text{to: &d.SocketGroup}},
		{name: "log_level", doc: "debug, info, warn or error.", value: choice(&d.LogLevel, "debug", "info", "warn", "error")},
		{name: "log_format", doc: "text, json, or auto: text on a terminal, JSON elsewhere.", value: choice(&d.LogFormat, "auto", "text", "json")},
		{name: "shutdown_timeout", doc: "How long calls in flight may take to finish after SIGTERM.", value: span{&d.ShutdownTimeout, time.Second, time.Hour}},
	}
}

func (s *Store) keys() []key {
	return []key{
		{name: "engine", doc: "badger keeps data on disk; memory forgets it and is for trying things out.", value: choice(&s.Engine, "badger", "memory")},
		{name: "dir", doc: "The data folder of the engine; data_dir/store when empty.", value: path{&s.Dir}},
		{name: "key_file", doc: "The key that seals credentials and payloads; data_dir/seal.key when empty. Keep a copy elsewhere: without it the data cannot be read.", value: path{&s.KeyFile}},
		{name: "min_free", doc: "New applications are turned away while the disk has less free space than this.", value: size{&s.MinFree, 0, 1 << 40}},
		{name: "ballast", doc: "Space set aside, to be freed by hand when the disk is full all the same.", value: size{&s.Ballast, 0, 1 << 40}},
		{name: "journal", doc: "The journal of attempts, which says after a restore what was sent since the backup; data_dir/attempts.log when empty. Best on another disk than the data.", value: path{&s.Journal}},
		{name: "journal_size", doc: "How much of the journal is kept. It has to reach back to the last backup; 256MiB hold some 700,000 attempts.", value: size{&s.JournalSize, 1 << 20, 1 << 40}},
	}
}

func (s *Submissions) keys() []key {
	return []key{
		{name: "on_uncertain", doc: "What is done when nobody knows whether the ATS took an application: hold asks a person, resend may double it.", value: choice(&s.OnUncertain, "hold", "resend")},
		{name: "expire_after", doc: "An application that could not be sent for this long is given up, and the platform told.", value: span{&s.ExpireAfter, time.Hour, 3650 * day}},
		{name: "release_pace", doc: "How many held applications are released a minute on one connection.", value: count{&s.ReleasePace, 1, 100_000}},
		{name: "max_document", doc: "The largest document of one application that is accepted.", value: size{&s.MaxDocument, 1 << 10, 256 << 10}},
		{name: "resume_check", doc: "Just before an application is sent, the address of its resume is looked at. answered holds it when the answer is a bad one: an error, a web page, a type or size that the ATS does not take, a signature that ends within 72 hours; an address that cannot be reached from here, as on a machine without a way out, is a warning only. strict holds it then too. off does not look.", value: choice(&s.ResumeCheck, "answered", "strict", "off")},
		{name: "resume_networks", doc: `Networks of this house that resumes may lie in, such as ["10.20.0.0/16"]. Private, loopback and link-local addresses are not reached otherwise. Certificates beside the system's are those of ca_file in [adapters].`, value: texts{&s.ResumeNetworks, network}},
		{name: "last_name_fallback", doc: "The last name sent for a person who has none; such applications are refused when empty.", value: text{to: &s.LastNameFallback}},
		{name: "note_template", doc: "The text of the note that recruiters read; the built-in one when empty.", value: text{to: &s.NoteTemplate}},
		{name: "note_template_file", doc: "The same, kept in a file of its own.", value: path{&s.NoteTemplateFile}},
	}
}

func (s *Status) keys() []key {
	return []key{
		{name: "settle", doc: "How long a rejection or hire is held back, as recruiters undo some of them.", value: span{&s.Settle, 0, 30 * day}},
		{name: "missing_after", doc: "How many readings in a row may miss an application before it counts as not visible.", value: count{&s.MissingAfter, 1, 100}},
		{name: "quiet_after", doc: "An application without a change for this long is read less often.", value: span{&s.QuietAfter, day, 3650 * day}},
		{name: "terminal_intervals", doc: "How often ended and quiet applications are read, ever more rarely.", value: ladder{&s.TerminalIntervals, time.Minute, 365 * day}},
	}
}

func (s *Schedules) keys() []key {
	return []key{
		{name: "submit", doc: "Retries that are due, releases and probes; new applications do not wait for it.", value: cron{&s.Submit}},
		{name: "status", doc: "Reading statuses.", value: cron{&s.Status}},
		{name: "jobs", doc: "Reading the lists of jobs.", value: cron{&s.Jobs}},
		{name: "check", doc: "Checking that credentials still work.", value: cron{&s.Check}},
		{name: "maintenance", doc: "Tidying the store.", value: cron{&s.Maintenance}},
		{name: "backups", doc: "Making a backup, where [backup] names a folder.", value: cron{&s.Backups}},
	}
}

func (a *Adapters) keys() []key {
	return []key{
		{name: "dir", doc: "The folder of adapter programs; only root should be able to write to it.", value: path{&a.Dir}},
		{name: "proxy", doc: "The proxy for the adapters' requests; none when empty.", value: text{&a.Proxy, proxyAddress}},
		{name: "ca_file", doc: "Certificates to trust beside the system's, as PEM.", value: path{&a.CAFile}},
	}
}

func (a *Adapters) member(name string) (keys []key, keep func()) {
	one := Adapter{Enabled: true}
	keys = []key{
		{name: "path", doc: "The program; the one of this name in the folder above when empty.", value: path{&one.Path}},
		{name: "sha256", doc: "The checksum that the program must have, in hex; not checked when empty.", value: text{&one.SHA256, checksum}},
		{name: "enabled", doc: "false keeps the program from being started; its applications are held.", value: toggle{&one.Enabled}},
		{name: "settings", doc: "The operator's settings, as the adapter describes them.", sample: `{ base_url = "https://ats.example.com" }`, value: opaque{&one.Settings}},
		{name: "limits", doc: "Narrower limits than the adapter declares; 0 and \"0s\" leave its own.", value: section{one.Limits.keys()}},
	}
	return keys, func() {
		if a.Named == nil {
			a.Named = map[string]Adapter{}
		}
		a.Named[name] = one
	}
}

func (l *Limits) keys() []key {
	return []key{
		{name: "requests_per_second", doc: "For one credential.", value: rate{&l.RequestsPerSecond}},
		{name: "burst", doc: "How many requests may go at once after a pause.", value: count{&l.Burst, 0, 100_000}},
		{name: "max_in_flight", doc: "How many calls may be under way at a time.", value: count{&l.MaxInFlight, 0, 10_000}},
		{name: "call_timeout", doc: "How long one call may take.", value: span{&l.CallTimeout, 0, time.Hour}},
	}
}

func (r *Retention) keys() []key {
	return []key{
		{name: "payload", doc: "The document of an application and the note that went with it, after it was submitted, refused, cancelled or expired. While it waits or is uncertain it is kept.", value: span{&r.Payload, time.Hour, 3650 * day}},
		{name: "events", doc: "An event, once every webhook that wants it has got it. Who reads the feed more seldom is told that a part is gone, and where it begins.", value: span{&r.Events, time.Hour, 3650 * day}},
	}
}

func (b *Backup) keys() []key {
	return []key{
		{name: "dir", doc: "The folder that they go to, best on another disk than the data; none are made when empty. The key file is in none of them: keep a copy of it elsewhere.", value: path{&b.Dir}},
		{name: "keep", doc: "How many are kept: once a new one is whole, the oldest beyond go. Those that somebody else made of another store are left alone.", value: count{&b.Keep, 1, 10_000}},
	}
}

func (h *HTTP) keys() []key {
	return []key{
		{name: "listen", doc: "Address of the API, such as 127.0.0.1:8470; none when empty.", value: text{&h.Listen, listenAddress}},
		{name: "public_url", doc: "How the internet reaches this listener, such as https://ats-sync.example.com; the addresses that ATSes call and those of connect links begin with it.", value: text{&h.PublicURL, publicAddress}},
		{name: "frame_ancestors", doc: `The sites that may show an employer's connect page inside their own, such as ["https://app.example.com"]; none when empty.`, value: texts{&h.FrameAncestors, origin}},
		{name: "tls_cert", doc: "Its certificate with the chain, as PEM. Read again when it changes.", value: path{&h.TLSCert}},
		{name: "tls_key", doc: "The certificate's key, as PEM.", value: path{&h.TLSKey}},
		{name: "insecure", doc: "true allows plain text on an address beyond this machine, where tokens and applications could be read on their way. For a proxy in front that speaks TLS.", value: toggle{&h.Insecure}},
		{name: "max_requests", doc: "How many requests may be under way at a time; more are told to come again.", value: count{&h.MaxRequests, 1, 100_000}},
		{name: "max_body", doc: "The largest body of one request. Batches and files have no such bound: they are read as they come.", value: size{&h.MaxBody, 1 << 10, 64 << 20}},
	}
}

func (c *Console) keys() []key {
	return []key{
		{name: "enabled", doc: "false serves none.", value: toggle{&c.Enabled}},
		{name: "idle_timeout", doc: "How long a session lasts without a page being opened.", value: span{&c.IdleTimeout, time.Minute, 30 * day}},
		{name: "session_lifetime", doc: "How long it lasts at most. A start of the daemon, and the end of the token, end it as well.", value: span{&c.SessionLifetime, time.Minute, 30 * day}},
	}
}

func (o *Ops) keys() []key {
	return []key{
		{name: "listen", doc: "Address of /metrics, /livez and /readyz; none when empty.", value: text{&o.Listen, listenAddress}},
		{name: "pprof", doc: "Profiles under /debug/pprof of the same address.", value: toggle{&o.Pprof}},
	}
}

func (m *Metrics) keys() []key {
	return []key{
		{name: "max_connections", doc: "How many connections have series of their own; beyond, the worst.", value: count{&m.MaxConnections, 0, 10_000}},
	}
}

func (c *Connection) keys() []key {
	return []key{
		{name: "id", doc: "Its name for ever, in small letters, digits, - and _.", sample: `"acme-greenhouse"`, value: text{&c.ID, identifier}},
		{name: "name", doc: "Its label; the id when empty.", sample: `"Acme on Greenhouse"`, value: text{to: &c.Name}},
		{name: "account", doc: "The platform's id of the employer.", sample: `"acme"`, value: text{&c.Account, filled}},
		{name: "adapter", doc: "The adapter that speaks to its ATS.", sample: `"greenhouse"`, value: text{&c.Adapter, filled}},
		{name: "credentials", doc: `Each secret as { file = "/path" }, { env = "NAME" } or { credential = "name" } of systemd; what is not secret as a string.`, sample: `{ api_key = { credential = "acme-key" }, on_behalf_of = "recruiting@acme.example.com" }`, value: credentials{&c.Credentials}},
		{name: "settings", doc: "The connection's settings, as the adapter describes them.", value: opaque{&c.Settings}},
		{name: "on_uncertain", doc: "As in [submissions], for this connection.", sample: `"hold"`, value: choice(&c.OnUncertain, "hold", "resend")},
		{name: "resume_check", doc: "As in [submissions], for this connection.", sample: `"strict"`, value: choice(&c.ResumeCheck, "answered", "strict", "off")},
		{name: "last_name_fallback", doc: "As in [submissions].", value: text{to: &c.LastNameFallback}},
		{name: "note_template", doc: "As in [submissions].", value: text{to: &c.NoteTemplate}},
		{name: "note_template_file", doc: "As in [submissions].", value: path{&c.NoteTemplateFile}},
		{name: "paused", doc: "true holds its applications and reads nothing.", value: toggle{&c.Paused}},
		{name: "status_overrides", doc: "Corrects how this employer's own words are understood. Every part of match must be equal.", value: list{"connections.status_overrides", func() []key {
			c.StatusOverrides = append(c.StatusOverrides, StatusOverride{})
			return c.StatusOverrides[len(c.StatusOverrides)-1].keys()
		}}},
	}
}

func (o *StatusOverride) keys() []key {
	return []key{
		{name: "match", doc: "The ATS's words: status, stage_id, stage_name, reason.", sample: `{ stage_name = "Silver medalist" }`, value: section{o.Match.keys()}},
		{name: "status", doc: "The status it means; the adapter's own when empty.", sample: `"rejected"`, value: text{to: &o.Status}},
		{name: "phase", doc: "The phase it means; the adapter's own when empty.", value: text{to: &o.Phase}},
	}
}

func (m *Match) keys() []key {
	return []key{
		{name: "status", value: text{to: &m.Status}},
		{name: "stage_id", value: text{to: &m.StageID}},
		{name: "stage_name", value: text{to: &m.StageName}},
		{name: "reason", value: text{to: &m.Reason}},
	}
}

func (l *JobLink) keys() []key {
	return []key{
		{name: "connection", doc: "The id of a connection.", sample: `"acme-greenhouse"`, value: text{&l.Connection, filled}},
		{name: "platform_job", doc: "The platform's id of the job.", sample: `"job-1001"`, value: text{&l.PlatformJob, filled}},
		{name: "ats_job", doc: "The ATS's id of the job.", sample: `"4000123"`, value: text{&l.ATSJob, filled}},
		{name: "as", doc: "candidate, or prospect for somebody who did not apply for this very job.", value: choice(&l.As, "candidate", "prospect")},
		{name: "pool", doc: "The ATS's id of the pool that prospects go to.", value: text{to: &l.Pool}},
		{name: "pool_stage", doc: "The ATS's id of a stage of that pool.", value: text{to: &l.PoolStage}},
	}
}

func filled(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("must not be empty")
	}
	return nil
}

var identifierForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

func identifier(s string) error {
	if !identifierForm.MatchString(s) {
		return errors.New("must be 1 to 64 small letters, digits, - and _, and begin with a letter or digit")
	}
	return nil
}

var checksumForm = regexp.MustCompile(`^([0-9a-f]{64})?$`)

func checksum(s string) error {
	if !checksumForm.MatchString(s) {
		return errors.New("must be 64 hex digits in small letters, as sha256sum prints them")
	}
	return nil
}

func webAddress(s string) error { return address(s, "https", "http") }

// publicAddress is what others are told to call: without TLS only this machine is.
func publicAddress(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err == nil && u.Scheme == "http" && loopback(net.JoinHostPort(u.Hostname(), "0")) {
		u.Scheme = "https"
	}
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return errors.New("must be an address that begins with https://, without user, query and fragment")
	}
	return nil
}

var originForm = regexp.MustCompile(`^https://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?$`)

// origin is a site as browsers name it.
func origin(s string) error {
	u, err := url.Parse(s)
	if originForm.MatchString(s) || err == nil && u.Scheme == "http" && s == "http://"+u.Host && loopback(net.JoinHostPort(u.Hostname(), "0")) {
		return nil
	}
	return errors.New("must be a site such as https://app.example.com or https://*.example.com, without a path")
}

func proxyAddress(s string) error { return address(s, "http", "https", "socks5") }

func address(s string, schemes ...string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme) {
		return nil
	}
	return errors.New("must be an address that begins with " + strings.Join(schemes, "://, ") + "://")
}

func listenAddress(s string) error {
	if s == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errors.New(`must be host:port, such as "127.0.0.1:9475"`)
	}
	return nil
}
