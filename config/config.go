// Package config reads the daemon's TOML file and nothing else. It stands at the very start of the flow: Load turns
// the file into plain data with defaults filled in, or into the whole list of what is wrong with it; app hands the
// parts on as Options, so that no other package knows what the file looks like. What only others can judge (cron
// lines, note templates, an adapter's own fields) comes in as functions in Checks.
package config

import "time"

// Config is the whole file, defaults filled in and relative paths made absolute against the file's folder.
type Config struct {
	Platform    Platform
	Daemon      Daemon
	Store       Store
	Submissions Submissions
	Status      Status
	Schedules   Schedules
	Adapters    Adapters
	Delivery    Delivery
	Retention   Retention
	Backup      Backup
	HTTP        HTTP
	Console     Console
	Ops         Ops
	Metrics     Metrics
	Connections []Connection
	JobLinks    []JobLink
	Webhooks    []Webhook

	// Warnings are what is not wrong in the file and will not work on this machine as it is now.
	Warnings Problems
}

// Platform is the product that runs atssync, as employers and ops people see it on pages and in instructions.
type Platform struct {
	Name, URL, LogoURL           string
	SupportContact, SupportHours string
	PartnerName                  string // the name under which ATSes list the platform as a partner
}

// Daemon says where the process lives and how it speaks. Paths are absolute after Load.
type Daemon struct {
	DataDir, RuntimeDir string
	Socket, SocketGroup string // Socket defaults to RuntimeDir/atssync.sock
	LogLevel            string // debug, info, warn or error
	LogFormat           string // auto, text or json
	ShutdownTimeout     time.Duration
}

// Store chooses the engine and its bounds. Every commit is synced to disk; there is no key for less.
type Store struct {
	Engine  string // badger or memory
	Dir     string // defaults to Daemon.DataDir/store
	KeyFile string // defaults to Daemon.DataDir/seal.key
	MinFree int64  // bytes that stay free on the disk before intake stops
	Ballast int64  // bytes set aside to be freed when the disk is full

	Journal     string // the journal of attempts; defaults to Daemon.DataDir/attempts.log
	JournalSize int64  // bytes of it that are kept
}

// Submissions says how applications are taken in and sent.
type Submissions struct {
	OnUncertain      string // hold or resend
	ExpireAfter      time.Duration
	ReleasePace      int   // released per minute and connection when a backlog drains
	MaxDocument      int64 // bytes of one submission document
	LastNameFallback string
	ResumeCheck      string   // answered, strict or off
	ResumeNetworks   []string // that resumes may lie in although they are not public
	NoteTemplate     string   // the text, whichever of the two keys it came from; empty means the built-in note
	NoteTemplateFile string
}

// Status says how readings become statuses and how often quiet applications are read.
type Status struct {
	Settle            time.Duration // how long a terminal change is held back; 0 is not at all
	MissingAfter      int           // readings without an application before it counts as not visible
	QuietAfter        time.Duration // an application without a change for this long is quiet
	TerminalIntervals []time.Duration
}

// Schedules says when each named pass runs.
type Schedules struct {
	Submit, Status, Jobs, Check, Maintenance, Backups Schedule
}

// Schedule is a cron line, or "@every 1m", in one time zone.
type Schedule struct {
	Spec string
	Zone string // an IANA name, UTC by default
}

// Adapters says where adapter programs are found and what all of them are given.
type Adapters struct {
	Dir    string
	Proxy  string // URL of the proxy for the adapters' requests; empty is none
	CAFile string
	Named  map[string]Adapter // by adapter name; an adapter found in Dir needs no entry
}

// Adapter is what the operator says about one adapter program.
type Adapter struct {
	Path     string // defaults to Adapters.Dir/NAME
	SHA256   string // 64 lower-case hex digits; empty is not pinned
	Enabled  bool
	Settings map[string]any // the adapter's own, not looked into here
	Limits   Limits
}

// Limits narrow what an adapter's manifest declares; a zero leaves the manifest's own.
type Limits struct {
	RequestsPerSecond float64
	Burst             int
	MaxInFlight       int
	CallTimeout       time.Duration
}

// Retention says how long is kept what nobody needs any more. Counters, keys and receipts are kept without end.
type Retention struct {
	Payload time.Duration // a document, after its submission was decided
	Events  time.Duration // an event, once every webhook that wants it has got it
}

// Backup says where scheduled backups go and how many are kept.
type Backup struct {
	Dir  string // empty is none; absolute after Load
	Keep int
}

// HTTP is the listener for the platform: the JSON API, with tokens.
type HTTP struct {
	Listen          string   // host:port; empty is no listener
	PublicURL       string   // how the world reaches it, without a slash at its end; empty when nobody said
	FrameAncestors  []string // sites that may show the connect page inside their own
	TLSCert, TLSKey string   // files, as PEM; both or none
	Insecure        bool     // plain text on an address that others can reach
	MaxRequests     int      // under way at a time
	MaxBody         int64    // bytes of one request, batches and files apart
}

// Console is the pages for those who run the daemon, on the listener of HTTP.
type Console struct {
	Enabled         bool
	IdleTimeout     time.Duration // without a page
	SessionLifetime time.Duration // whatever happens
}

// Ops is the listener for metrics and health, meant for loopback.
type Ops struct {
	Listen string // host:port; empty is no listener
	Pprof  bool
}

// Metrics bounds the number of series.
type Metrics struct {
	MaxConnections int
}

// Connection is one account's access to one ATS account that stands in the file and is read-only elsewhere. What it
// leaves out of the keys it shares with [submissions] is filled in from there.
type Connection struct {
	ID, Name         string
	Account          string
	Adapter          string
	Credentials      map[string]Secret
	Settings         map[string]any
	OnUncertain      string
	ResumeCheck      string
	LastNameFallback string
	NoteTemplate     string
	NoteTemplateFile string
	Paused           bool
	StatusOverrides  []StatusOverride
}

// StatusOverride replaces what the adapter's table says about a raw reading. Every non-empty part of Match must be
// equal to the reading's; Status and Phase are then used where they are set.
type StatusOverride struct {
	Match  Match
	Status string
	Phase  string
}

// Match is the ATS's own words about an application.
type Match struct {
	Status, StageID, StageName, Reason string
}

// JobLink links a platform job on one connection to one of its ATS jobs.
type JobLink struct {
	Connection  string // a connection's id
	PlatformJob string
	ATSJob      string
	As          string // candidate or prospect
	Pool        string // prospects only
	PoolStage   string
}

// Defaults returns the configuration of an empty file, before paths are resolved.
func Defaults() Config {
	return Config{
		Platform: Platform{Name: "the platform"},
		Daemon: Daemon{
			DataDir: "/var/lib/atssync", RuntimeDir: "/run/atssync",
			LogLevel: "info", LogFormat: "auto", ShutdownTimeout: 30 * time.Second,
		},
		Store: Store{Engine: "badger", MinFree: 512 << 20, Ballast: 64 << 20, JournalSize: 256 << 20},
		Submissions: Submissions{
			OnUncertain: "hold", ExpireAfter: 60 * day, ReleasePace: 60, MaxDocument: 256 << 10, ResumeCheck: "answered",
		},
		Status: Status{
			MissingAfter: 3, QuietAfter: 14 * day,
			TerminalIntervals: []time.Duration{time.Hour, day, 7 * day},
		},
		Schedules: Schedules{
			Submit:      Schedule{Spec: "@every 1m", Zone: utc},
			Status:      Schedule{Spec: "*/15 * * * *", Zone: utc},
			Jobs:        Schedule{Spec: "@hourly", Zone: utc},
			Check:       Schedule{Spec: "@every 6h", Zone: utc},
			Maintenance: Schedule{Spec: "17 3 * * *", Zone: utc},
			Backups:     Schedule{Spec: "37 2 * * *", Zone: utc},
		},
		Adapters:  Adapters{Dir: "/usr/lib/atssync/adapters"},
		Delivery:  Delivery{Timeout: 15 * time.Second, MaxInFlight: 50, KeepDelivered: 30 * day},
		Backup:    Backup{Keep: 14},
		Retention: Retention{Payload: 30 * day, Events: 90 * day},
		HTTP:      HTTP{MaxRequests: 512, MaxBody: 1 << 20},
		Console:   Console{Enabled: true, IdleTimeout: time.Hour, SessionLifetime: 12 * time.Hour},
		Ops:       Ops{Listen: "127.0.0.1:9475"},
		Metrics:   Metrics{MaxConnections: 200},
	}
}

const (
	day = 24 * time.Hour
	utc = "UTC"
)
