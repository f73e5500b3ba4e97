// Package support packs what a maintainer needs to understand a trouble into one archive that may be sent to a stranger. It
// stands beside the daemon, as package doctor does: what lies on this machine it looks at itself, the daemon's view it asks for
// over its socket, and it works without one.
//
// A member of the archive is made of listed fields; only what a machine wrote for people to read (the journal, what an adapter
// printed) is free text, and goes through the one Mask. Whoever has a name gets a number. What cannot be had is told in the
// manifest with the reason, and never keeps the rest from being packed.
package support

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/app"
	"github.com/atssync/atssync/daemon/internal/doctor"
)

const (
	// DefaultTimeout bounds the making of a bundle.
	DefaultTimeout = 60 * time.Second
	// DefaultLines is how much of the journal is packed.
	DefaultLines = 2000
	// maxMember and maxBundle bound what is packed, in bytes before it is compressed.
	maxMember = 4 << 20
	maxBundle = 20 << 20
	// atATime is how many members are made side by side.
	atATime = 3
	// memberTimeout is how long one member may take that has no bound of its own.
	memberTimeout = 20 * time.Second
	askTimeout    = 5 * time.Second
	page          = 500
)

// Options say what a bundle is made of.
type Options struct {
	ConfigPath string
	// Daemon is the client of the daemon, which may not be there.
	Daemon *api.Client
	// Version is that of this program, and Build tells what it was made of; it is packed as JSON.
	Version string
	Build   any
	// Ops is where the daemon serves its metrics; what the daemon says, else what the config says, when "".
	Ops string
	// Lines is how many of the journal are packed; 0 is none.
	Lines int
	// Timeout bounds the whole; 0 is DefaultTimeout.
	Timeout time.Duration
	// Tell is called after each member; may be nil.
	Tell func(name string, done, all int)
}

// File is one member of a bundle.
type File struct {
	Name  string `json:"name"`
	About string `json:"about"`
	// Masked says what of it was left out or replaced.
	Masked string `json:"masked"`
	Bytes  int    `json:"bytes,omitempty"`
	Cut    bool   `json:"cut,omitempty"` // its end is missing, as it was too long
	// LeftOut says why it is not there.
	LeftOut string `json:"left_out,omitempty"`

	data []byte
}

// Manifest is what a bundle says of itself.
type Manifest struct {
	Format  int       `json:"format"`
	MadeAt  time.Time `json:"made_at"`
	Version string    `json:"version"`
	// Daemon is the version of the daemon that answered; "" for none, and DaemonError says why.
	Daemon      string `json:"daemon,omitempty"`
	DaemonError string `json:"daemon_error,omitempty"`
	Files       []File `json:"files"`
	LeftOut     []File `json:"left_out,omitempty"`
	DurationMS  int64  `json:"duration_ms"`
}

// member is one file and how it is made. A nil result without an error is a mistake of the maker.
type member struct {
	name, about, masked string
	timeout             time.Duration // 0 is memberTimeout
	make                func(ctx context.Context, b *bundle) ([]byte, error)
}

// bundle is what the makers of members share. None of them changes it.
type bundle struct {
	o      Options
	config *config.Config // nil when the file cannot be read; defaults stand for what is wrong in it
	source map[string]any // what stands in the file
	daemon *daemonView
	roster *roster
	mask   *Mask
	diag   func() (api.Diagnostics, error)
	doctor func() (doctor.Report, error)
}

// List tells what a bundle holds, without making one.
func List() []File {
	var out []File
	for _, m := range members() {
		out = append(out, File{Name: m.name, About: m.about, Masked: m.masked})
	}
	return out
}

// Make makes a bundle and returns it as an archive, with what it says of itself. It fails only when ctx ends.
func Make(ctx context.Context, o Options) ([]byte, Manifest, error) {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	began := time.Now()
	within, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	b := meet(within, o)
	files := b.collect(within)
	if err := ctx.Err(); err != nil {
		return nil, Manifest{}, err
	}
	m := Manifest{
		Format: 1, MadeAt: began.UTC().Truncate(time.Second), Version: o.Version, Daemon: b.daemon.version, Files: []File{},
		DurationMS: time.Since(began).Milliseconds(),
	}
	if b.daemon.err != nil {
		m.DaemonError = b.reason(b.daemon.err)
	}
	room := maxBundle
	for _, f := range files {
		if f.LeftOut == "" && len(f.data) > room {
			f.LeftOut = fmt.Sprintf("the bundle would be larger than %d MiB", maxBundle>>20)
		}
		if f.LeftOut != "" {
			m.LeftOut = append(m.LeftOut, f)
			continue
		}
		room -= len(f.data)
		m.Files = append(m.Files, f)
	}
	archive, err := pack(m)
	return archive, m, err
}

// meet finds out who has a name before anything is packed.
func meet(ctx context.Context, o Options) *bundle {
	b := &bundle{o: o, daemon: &daemonView{}}
	b.config, _ = app.ReadConfig(o.ConfigPath)
	b.source = readSource(o.ConfigPath)
	b.daemon.ask(ctx, o.Daemon, min(askTimeout, o.Timeout/4))
	b.roster = newRoster(b.config, b.daemon)
	b.mask = b.roster.mask()
	b.doctor = sync.OnceValues(func() (doctor.Report, error) { return b.examined(ctx) })
	b.diag = sync.OnceValues(func() (api.Diagnostics, error) {
		if b.daemon.version == "" { // one that fails to list things can still tell what it does
			return api.Diagnostics{}, b.daemon.err
		}
		ctx, cancel := context.WithTimeout(ctx, memberTimeout)
		defer cancel()
		return o.Daemon.Diagnostics(ctx)
	})
	return b
}

// ask asks the daemon whom it knows. One that does not say what it is at once is not asked anything else.
func (d *daemonView) ask(ctx context.Context, c *api.Client, patience time.Duration) {
	if c == nil {
		d.err = errors.New("no daemon was named")
		return
	}
	first, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if d.version, d.err = c.Version(first); d.err != nil {
		if errors.Is(d.err, context.DeadlineExceeded) && ctx.Err() == nil {
			d.err = fmt.Errorf("the daemon did not say within %s what it is: it hangs, or is starting", patience)
		}
		return
	}
	ctx, cancel = context.WithTimeout(ctx, memberTimeout)
	defer cancel()
	if d.adapters, d.err = c.Adapters(ctx); d.err != nil {
		return
	}
	if d.connections, d.err = all(func(after string) (api.Page[api.Connection], error) {
		var q api.ConnectionQuery
		q.After, q.Limit = after, page
		return c.Connections(ctx, q)
	}); d.err != nil {
		return
	}
	d.webhooks, d.err = all(func(after string) (api.Page[api.Webhook], error) {
		var q api.EndpointQuery
		q.After, q.Limit = after, page
		return c.Webhooks(ctx, q)
	})
}

func all[T any](get func(after string) (api.Page[T], error)) ([]T, error) {
	var out []T
	for item, err := range api.All("", get) {
		if err != nil {
			return out, err
		}
		out = append(out, item)
	}
	return out, nil
}

// collect makes the members, a few side by side, and waits for none that hangs.
func (b *bundle) collect(ctx context.Context) []File {
	list := members()
	out := make([]File, len(list))
	places := make(chan struct{}, atATime)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for i, m := range list {
		wg.Go(func() {
			places <- struct{}{}
			out[i] = b.file(ctx, m)
			<-places
			mu.Lock()
			defer mu.Unlock()
			if done++; b.o.Tell != nil {
				b.o.Tell(m.name, done, len(list))
			}
		})
	}
	wg.Wait()
	return out
}

// file makes one member.
func (b *bundle) file(ctx context.Context, m member) File {
	f := File{Name: m.name, About: m.about, Masked: m.masked}
	timeout := m.timeout
	if timeout == 0 {
		timeout = memberTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	type result struct {
		data []byte
		err  error
	}
	made := make(chan result, 1)
	go func() {
		data, err := m.make(ctx, b)
		made <- result{data, err}
	}()
	var r result
	select {
	case r = <-made:
	case <-ctx.Done():
		select {
		case r = <-made:
		case <-time.After(lastWords):
			r.err = ctx.Err()
		}
	}
	if r.err != nil {
		f.LeftOut = b.reason(r.err)
		return f
	}
	// Whatever a field may have brought along, a secret that is known is in no member.
	f.data = []byte(b.mask.Secrets(string(r.data)))
	switch {
	case len(f.data) <= maxMember:
	case strings.HasSuffix(f.Name, ".json"): // half of it could not be read
		f.LeftOut = fmt.Sprintf("it would be larger than %d MiB", maxMember>>20)
		return f
	default:
		f.data, f.Cut = cut(f.data), true
	}
	f.Bytes = len(f.data)
	return f
}

// lastWords is how long a member whose time is over may take to end.
const lastWords = 200 * time.Millisecond

// cut ends a text after the last whole line that fits.
func cut(b []byte) []byte {
	b = b[:maxMember]
	if at := bytes.LastIndexByte(b, '\n'); at > 0 {
		b = b[:at+1]
	}
	return b
}

// reason tells why something is missing.
func (b *bundle) reason(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	case errors.Is(err, context.Canceled):
		return "it was broken off"
	}
	if e, ok := errors.AsType[*api.Error](err); ok {
		return b.mask.Text(e.Message)
	}
	return b.mask.Text(err.Error())
}

// asJSON is a member of listed fields.
func asJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}
