package support

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/BurntSushi/toml"

	"github.com/atssync/atssync/config"
)

// decision is how much of a key of the config file is packed.
type decision int

// The decisions. A key without one is a test that fails.
const (
	shown    decision = iota + 1 // as it is: a number, a switch, a word of a closed set, a cron line, a checksum
	path                         // a path, home folders masked
	listen                       // an address to listen on: its port, and whether it is this machine's alone
	onlySet                      // whether it is set
	amount                       // how many there are
	keysOnly                     // the names of what it has, without the values
	named                        // what stands for it
	within                       // its own keys are decided one by one
)

// decisions has every key of the config. What a person or a firm could be found by is never shown.
var decisions = map[string]decision{
	"platform": within, "platform.name": onlySet, "platform.url": onlySet, "platform.logo_url": onlySet, "platform.support_contact": onlySet,
	"platform.support_hours": onlySet, "platform.partner_name": onlySet,

	"daemon": within, "daemon.data_dir": path, "daemon.runtime_dir": path, "daemon.socket": path, "daemon.socket_group": onlySet,
	"daemon.log_level": shown, "daemon.log_format": shown, "daemon.shutdown_timeout": shown,

	"store": within, "store.engine": shown, "store.dir": path, "store.key_file": path, "store.min_free": shown, "store.ballast": shown,
	"store.journal": path, "store.journal_size": shown,

	"submissions": within, "submissions.on_uncertain": shown, "submissions.expire_after": shown, "submissions.release_pace": shown,
	"submissions.max_document": shown, "submissions.last_name_fallback": onlySet, "submissions.resume_check": shown,
	"submissions.resume_networks": amount, "submissions.note_template": onlySet, "submissions.note_template_file": onlySet,

	"status": within, "status.settle": shown, "status.missing_after": shown, "status.quiet_after": shown, "status.terminal_intervals": shown,

	"schedules": within, "schedules.submit": shown, "schedules.status": shown, "schedules.jobs": shown, "schedules.check": shown,
	"schedules.maintenance": shown, "schedules.backups": shown,

	"adapters": within, "adapters.dir": path, "adapters.proxy": onlySet, "adapters.ca_file": onlySet,
	"adapters.*": within, "adapters.*.path": path, "adapters.*.sha256": shown, "adapters.*.enabled": shown, "adapters.*.settings": keysOnly,
	"adapters.*.limits": within, "adapters.*.limits.requests_per_second": shown, "adapters.*.limits.burst": shown,
	"adapters.*.limits.max_in_flight": shown, "adapters.*.limits.call_timeout": shown,

	"delivery": within, "delivery.timeout": shown, "delivery.max_in_flight": shown, "delivery.keep_delivered": shown,
	"delivery.allow_networks": amount, "delivery.ca_file": onlySet,

	"retention": within, "retention.payload": shown, "retention.events": shown,
	"backup": within, "backup.dir": path, "backup.keep": shown,

	"http": within, "http.listen": listen, "http.public_url": onlySet, "http.frame_ancestors": amount, "http.tls_cert": onlySet,
	"http.tls_key": onlySet, "http.insecure": shown, "http.max_requests": shown, "http.max_body": shown,
	"console": within, "console.enabled": shown, "console.idle_timeout": shown, "console.session_lifetime": shown,
	"ops": within, "ops.listen": listen, "ops.pprof": shown, "metrics": within, "metrics.max_connections": shown,

	"connections": within, "connections.id": named, "connections.name": onlySet, "connections.account": named, "connections.adapter": shown,
	"connections.credentials": keysOnly, "connections.settings": keysOnly, "connections.on_uncertain": shown, "connections.resume_check": shown,
	"connections.last_name_fallback": onlySet, "connections.note_template": onlySet, "connections.note_template_file": onlySet,
	"connections.paused": shown, "connections.status_overrides": amount,

	"job_links": within, "job_links.connection": named, "job_links.platform_job": onlySet, "job_links.ats_job": onlySet, "job_links.as": shown,
	"job_links.pool": onlySet, "job_links.pool_stage": onlySet,

	"webhooks": within, "webhooks.id": named, "webhooks.url": onlySet, "webhooks.secret": onlySet, "webhooks.old_secret": onlySet,
	"webhooks.types": shown, "webhooks.accounts": amount, "webhooks.connections": amount, "webhooks.paused": shown,

	"warnings": amount,
}

// setting is one key of the config as it is packed.
type setting struct {
	Key string `json:"key"`
	// From is "file" for what stands in the file, else "default".
	From  string `json:"from"`
	Value any    `json:"value,omitempty"`
	Set   *bool  `json:"set,omitempty"`   // in place of a value that is not shown
	Count *int   `json:"count,omitempty"` // in place of a list
	Names []any  `json:"names,omitempty"` // in place of a table: the keys that it has
}

func makeConfig(_ context.Context, b *bundle) ([]byte, error) {
	if b.config == nil {
		return nil, errors.New("the config file cannot be read: see the check config of the doctor")
	}
	w := &settings{b: b}
	w.walk(reflect.ValueOf(*b.config), "", "", b.source)
	return asJSON(map[string]any{"settings": w.list})
}

// settings walks the config; at is where a key is decided, shown how the file writes it.
type settings struct {
	b    *bundle
	list []setting
}

func (w *settings) walk(v reflect.Value, at, as string, source map[string]any) {
	for i := range v.NumField() {
		name := tomlName(v.Type().Field(i).Name)
		field := v.Field(i)
		if at == "adapters" && name == "named" {
			w.adapters(field, source)
			continue
		}
		key, written := join(at, name), join(as, name)
		w.one(field, key, written, source[name])
	}
}

func (w *settings) adapters(v reflect.Value, source map[string]any) {
	named, _ := reflect.TypeAssert[map[string]config.Adapter](v)
	for _, name := range slices.Sorted(maps.Keys(named)) {
		of, _ := source[name].(map[string]any)
		w.walk(reflect.ValueOf(named[name]), "adapters.*", "adapters."+name, of)
	}
}

// one packs what was decided of a key, and nothing of one that nobody thought of.
func (w *settings) one(v reflect.Value, key, as string, source any) {
	d := decisions[key]
	if d == within {
		w.deeper(v, key, as, source)
		return
	}
	s := setting{Key: as, From: "default"}
	if source != nil {
		s.From = "file"
	}
	switch d {
	case shown:
		s.Value = plain(v)
	case path:
		s.Value = w.b.mask.Text(v.String())
	case listen:
		s.Value = listening(v.String())
	case named:
		s.Value = w.stands(key, v.String())
	case onlySet:
		set := !v.IsZero()
		s.Set = &set
	case amount:
		n := v.Len()
		s.Count = &n
	case keysOnly:
		s.Names = names(v)
	default:
		return
	}
	w.list = append(w.list, s)
}

// deeper packs a section, or each of a list of them.
func (w *settings) deeper(v reflect.Value, key, as string, source any) {
	if v.Kind() != reflect.Slice {
		of, _ := source.(map[string]any)
		w.walk(v, key, as, of)
		return
	}
	list, _ := source.([]map[string]any)
	for i := range min(v.Len(), maxListed) {
		var of map[string]any
		if i < len(list) {
			of = list[i]
		}
		w.walk(v.Index(i), key, fmt.Sprintf("%s[%d]", as, i+1), of)
	}
}

func (w *settings) stands(key, id string) string {
	switch {
	case strings.HasSuffix(key, ".account"):
		return w.b.roster.account(id)
	case strings.HasPrefix(key, "webhooks."):
		return w.b.roster.webhook(id)
	}
	return w.b.roster.connection(id)
}

// plain is a value as a person writes it in the file.
func plain(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case time.Duration:
		return x.String()
	case []time.Duration:
		out := make([]string, len(x))
		for i, d := range x {
			out[i] = d.String()
		}
		return out
	default:
		return x
	}
}

// names are the keys of a table. They are words of the adapter's manifest.
func names(v reflect.Value) []any {
	var out []any
	for _, k := range v.MapKeys() {
		out = append(out, k.String())
	}
	slices.SortFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return out
}

// listening leaves of an address its port, and its host where that says nothing about the network.
func listening(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || ownHost(host) {
		return address
	}
	return "[address]:" + port
}

// readSource reads which keys stand in the file; nil when it cannot be read.
func readSource(file string) map[string]any {
	info, err := os.Stat(file)
	if err != nil || info.Size() > maxMember {
		return nil
	}
	var out map[string]any
	if _, err := toml.DecodeFile(file, &out); err != nil {
		return nil
	}
	return out
}

func join(at, name string) string { return strings.TrimPrefix(at+"."+name, ".") }

// tomlName is how the file writes a field of the config: ATSJob is ats_job.
func tomlName(field string) string {
	r := []rune(field)
	var out strings.Builder
	for i, c := range r {
		begins := i > 0 && unicode.IsUpper(c) && (unicode.IsLower(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1]))
		if begins {
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToLower(c))
	}
	return out.String()
}
