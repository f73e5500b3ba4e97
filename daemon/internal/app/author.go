package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/config"
	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/host"
)

// What follows needs no daemon: it is for whoever writes or installs an adapter.

const (
	authorCallTimeout = time.Minute
	authorStopTimeout = 5 * time.Second
)

// AdapterFile is an adapter as it lies on the disk, started once to ask what it is.
type AdapterFile struct {
	Name     string   `json:"name"`
	Path     string   `json:"path"`
	Label    string   `json:"label,omitempty"`
	Version  string   `json:"version,omitempty"`
	Contract string   `json:"contract,omitempty"`
	Powers   []string `json:"powers,omitempty"`
	Error    string   `json:"error,omitempty"` // why it does not start

	Manifest *sdk.Manifest `json:"-"` // nil when it does not start
	Cause    error         `json:"-"` // what Error is the text of
	Pinned   bool          `json:"-"` // the config names its checksum
	Started  time.Duration `json:"-"` // how long it took to say what it is
}

// AdapterFiles lists the adapters of a config file and those in its adapters folder. Each is started, asked and ended.
func AdapterFiles(ctx context.Context, c *config.Config) []AdapterFile {
	specs := adapterSpecs(c.Adapters, slog.New(slog.DiscardHandler))
	out := make([]AdapterFile, len(specs))
	for i, s := range specs {
		out[i] = AdapterFile{Name: s.Name, Path: s.Path, Pinned: s.SHA256 != ""}
		began := time.Now()
		p, err := host.Launch(ctx, host.Options{
			Path: s.Path, SHA256: s.SHA256, Env: adapterEnv(c.Adapters), PartnerName: partnerName(c.Platform),
		})
		if err != nil {
			out[i].Error, out[i].Cause = err.Error(), err
			continue
		}
		m := p.Manifest()
		out[i].Manifest, out[i].Started = &m, time.Since(began)
		out[i].Label, out[i].Version = m.Label, m.Version
		out[i].Contract = fmt.Sprintf("%d–%d", m.ContractMin, m.ContractMax)
		for _, power := range m.Powers {
			out[i].Powers = append(out[i].Powers, string(power))
		}
		end(ctx, p)
	}
	return out
}

// AdapterPath returns where the program of the adapter of that name lies.
func AdapterPath(c *config.Config, name string) (string, error) {
	specs := adapterSpecs(c.Adapters, slog.New(slog.DiscardHandler))
	var names []string
	for _, s := range specs {
		if s.Name == name {
			return s.Path, nil
		}
		names = append(names, s.Name)
	}
	if len(names) == 0 {
		return "", fmt.Errorf("there is no adapter %s: no adapter is named in the config file, and %s holds none", name, c.Adapters.Dir)
	}
	return "", fmt.Errorf("there is no adapter %s; there are: %s", name, strings.Join(names, ", "))
}

// AdapterCall is one call of one adapter's program, outside of any daemon.
type AdapterCall struct {
	Path string
	// Operation is one of AdapterOperations.
	Operation string
	// Fields are the values of the manifest's fields, secret and not.
	Fields map[string]string
	// Input is what the operation is about, as JSON; each operation's help tells its form.
	Input []byte
	// Platform is the platform's name, for texts.
	Platform string
	// Stderr gets what the adapter prints; nil drops it.
	Stderr io.Writer
}

// AdapterAnswer is what an adapter answered. Exactly one of Reply and Error is set.
type AdapterAnswer struct {
	Reply     json.RawMessage   `json:"reply,omitempty"`
	Error     *AdapterError     `json:"error,omitempty"`
	Exchanges []AdapterExchange `json:"exchanges"`
	Budget    *AdapterBudget    `json:"budget,omitempty"`
}

// AdapterError is what an adapter refused with.
type AdapterError struct {
	Kind       string            `json:"kind"`
	Message    string            `json:"message"`
	WhoseTurn  string            `json:"whose_turn,omitempty"`
	Remedy     string            `json:"remedy,omitempty"`
	Subject    string            `json:"subject,omitempty"`
	Status     int               `json:"http_status,omitempty"`
	RetryAfter string            `json:"retry_after,omitempty"`
	NotApplied bool              `json:"not_applied,omitempty"`
	Fields     map[string]string `json:"fields,omitempty"` // by path
}

// AdapterExchange is one request that the adapter made.
type AdapterExchange struct {
	Method    string `json:"method"`
	Endpoint  string `json:"endpoint"`
	Status    int    `json:"status"` // 0: no answer came
	Duration  string `json:"duration"`
	RequestID string `json:"request_id,omitempty"`
	Excerpt   string `json:"excerpt,omitempty"`
}

// AdapterBudget is what the ATS's limit headers said.
type AdapterBudget struct {
	Limit      int    `json:"limit"`
	Remaining  int    `json:"remaining"`
	ResetAfter string `json:"reset_after"`
}

// AdapterOperations lists what CallAdapter can call.
func AdapterOperations() []string { return slices.Sorted(maps.Keys(operations())) }

// CallAdapter starts an adapter's program, makes one call and ends it. The error says that no call could be made;
// what the adapter refused is in the answer.
func CallAdapter(ctx context.Context, c AdapterCall) (*AdapterAnswer, error) {
	op, ok := operations()[c.Operation]
	if !ok {
		return nil, fmt.Errorf("there is no operation %q; there are: %s", c.Operation, strings.Join(AdapterOperations(), ", "))
	}
	p, err := launchAuthors(ctx, c.Path, c.Platform, c.Stderr)
	if err != nil {
		return nil, err
	}
	defer end(ctx, p)
	call := authorCall{client: p.Client(), manifest: p.Manifest(), input: c.Input, platform: c.Platform}
	if c.Operation != "describe" {
		if call.connection, err = fieldValues(p.Manifest(), c.Fields); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, authorCallTimeout)
	defer cancel()
	reply, meta, err := op(ctx, call)
	if _, ok := errors.AsType[*inputError](err); ok || errors.Is(err, sdk.ErrNotRunning) {
		return nil, err
	}
	return answerOf(reply, meta, err)
}

func launchAuthors(ctx context.Context, path, platform string, stderr io.Writer) (*host.Process, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the adapter: %w", err)
	}
	return host.Launch(ctx, host.Options{
		Path: path, Env: adapterEnv(config.Adapters{}), PartnerName: platform, Stderr: stderr, Logger: slog.New(slog.DiscardHandler),
	})
}

func end(ctx context.Context, p *host.Process) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), authorStopTimeout)
	defer cancel()
	_ = p.Stop(ctx) // Stop kills what does not end
}

// sortFields sorts values into settings and credentials as the manifest says.
func sortFields(m sdk.Manifest, given map[string]string) (sdk.Connection, error) {
	c := sdk.Connection{ID: "con_by_hand", Settings: map[string]string{}, Credentials: map[string]sdk.Secret{}}
	var known []string
	for _, f := range m.Fields {
		known = append(known, f.Name)
		value, ok := given[f.Name]
		switch {
		case !ok:
		case f.Secret:
			c.Credentials[f.Name] = sdk.Secret(value)
		default:
			c.Settings[f.Name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, name) {
			return c, &inputError{fmt.Sprintf("the adapter knows no field %s; it knows %s", name, strings.Join(known, ", "))}
		}
	}
	return c, nil
}

// fieldValues is sortFields with the manifest's defaults; what is required has to be there.
func fieldValues(m sdk.Manifest, given map[string]string) (sdk.Connection, error) {
	c, err := sortFields(m, given)
	if err != nil {
		return c, err
	}
	var missing []string
	for _, f := range m.Fields {
		if c.Value(f.Name) != "" {
			continue
		}
		switch {
		case f.Default != "" && !f.Secret:
			c.Settings[f.Name] = f.Default
		case f.Required:
			missing = append(missing, f.Name)
		}
	}
	if len(missing) > 0 {
		return c, &inputError{"the adapter also needs " + strings.Join(missing, ", ")}
	}
	return c, nil
}

func answerOf(reply any, meta sdk.Meta, err error) (*AdapterAnswer, error) {
	a := &AdapterAnswer{Exchanges: []AdapterExchange{}}
	if err != nil {
		e := sdk.AsError(err)
		meta = e.Meta
		a.Error = &AdapterError{
			Kind: string(e.Kind), Message: e.Message, WhoseTurn: string(e.Turn), Remedy: e.Remedy, Subject: string(e.Subject),
			Status: e.Status, NotApplied: e.NotApplied, Fields: map[string]string{},
		}
		if e.RetryAfter > 0 {
			a.Error.RetryAfter = e.RetryAfter.String()
		}
		for _, f := range e.Fields {
			a.Error.Fields[f.Path] = f.Message
		}
	} else {
		b, err := snakeJSON(reply)
		if err != nil {
			return nil, fmt.Errorf("show the reply: %w", err)
		}
		a.Reply = b
	}
	for _, x := range meta.Exchanges {
		a.Exchanges = append(a.Exchanges, AdapterExchange{
			Method: x.Method, Endpoint: x.Endpoint, Status: x.Status, Duration: x.Duration.Round(time.Millisecond).String(),
			RequestID: x.RequestID, Excerpt: x.Excerpt,
		})
	}
	if b := meta.Budget; b != nil {
		a.Budget = &AdapterBudget{b.Limit, b.Remaining, b.ResetAfter.String()}
	}
	return a, nil
}
