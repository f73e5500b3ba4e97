package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// inputError is what is wrong with what a person gave.
type inputError struct{ text string }

func (e *inputError) Error() string { return e.text }

// authorCall is what an operation works with.
type authorCall struct {
	client     sdk.Client
	manifest   sdk.Manifest
	connection sdk.Connection
	input      []byte
	platform   string
}

type operation func(ctx context.Context, c authorCall) (reply any, meta sdk.Meta, err error)

// operations are the adapter's methods by the names that a person types.
func operations() map[string]operation {
	return map[string]operation{
		"describe": func(_ context.Context, c authorCall) (any, sdk.Meta, error) { return c.manifest, sdk.Meta{}, nil },
		"check": func(ctx context.Context, c authorCall) (any, sdk.Meta, error) {
			r, err := c.client.Check(ctx, sdk.CheckRequest{Connection: c.connection, PartnerName: c.platform})
			return r, r.Meta, err
		},
		"jobs":     callJobs,
		"submit":   callSubmit,
		"statuses": callStatuses,
		"changes": func(ctx context.Context, c authorCall) (any, sdk.Meta, error) {
			req := sdk.ChangesRequest{}
			if err := c.decode(&req); err != nil {
				return nil, sdk.Meta{}, err
			}
			req.Connection = c.connection
			r, err := c.client.Changes(ctx, req)
			return r, r.Meta, err
		},
		"find": func(ctx context.Context, c authorCall) (any, sdk.Meta, error) {
			req := sdk.FindRequest{}
			if err := c.decode(&req); err != nil {
				return nil, sdk.Meta{}, err
			}
			req.Connection = c.connection
			r, err := c.client.Find(ctx, req)
			return r, r.Meta, err
		},
		"pools": func(ctx context.Context, c authorCall) (any, sdk.Meta, error) {
			r, err := c.client.ListPools(ctx, sdk.ListPoolsRequest{Connection: c.connection})
			return r, r.Meta, err
		},
		"tracking-link": func(ctx context.Context, c authorCall) (any, sdk.Meta, error) {
			req := sdk.TrackingLinkRequest{}
			if err := c.decode(&req); err != nil {
				return nil, sdk.Meta{}, err
			}
			req.Connection = c.connection
			r, err := c.client.TrackingLink(ctx, req)
			return r, r.Meta, err
		},
		"vocabulary": func(ctx context.Context, c authorCall) (any, sdk.Meta, error) {
			r, err := c.client.Vocabulary(ctx, sdk.VocabularyRequest{Connection: c.connection})
			return r, r.Meta, err
		},
	}
}

// callJobs lists every page.
func callJobs(ctx context.Context, c authorCall) (any, sdk.Meta, error) {
	var all sdk.ListJobsReply
	for page := ""; ; {
		r, err := c.client.ListJobs(ctx, sdk.ListJobsRequest{Connection: c.connection, Page: page})
		if err != nil {
			return nil, all.Meta, err
		}
		r.Exchanges = append(all.Exchanges, r.Exchanges...)
		r.Jobs = append(all.Jobs, r.Jobs...)
		all = r
		if r.Next == "" || r.Next == page {
			return all, all.Meta, nil
		}
		page = r.Next
	}
}

// callSubmit sends one submission document. Its job is the ATS's own id, as there is no link to look up.
func callSubmit(ctx context.Context, c authorCall) (any, sdk.Meta, error) {
	var doc atssync.Document
	item := sdk.SubmitItem{SubmissionID: atssync.NewID(atssync.PrefixSubmission, time.Now()), As: sdk.AsCandidate}
	if len(bytes.TrimSpace(c.input)) == 0 {
		return nil, sdk.Meta{}, &inputError{"a submission document is needed; atssync submit --example prints one"}
	}
	if err := c.decode(&item); err != nil {
		return nil, sdk.Meta{}, err
	}
	if err := json.Unmarshal(c.input, &doc); err != nil {
		return nil, sdk.Meta{}, &inputError{"the submission document cannot be read: " + err.Error()}
	}
	if item.JobID == "" {
		item.JobID = doc.Job
	}
	if item.Note == "" {
		t, err := atssync.ParseNote("")
		if err != nil {
			return nil, sdk.Meta{}, err
		}
		if item.Note, err = t.Render(doc, c.platform, c.manifest.Note); err != nil {
			return nil, sdk.Meta{}, err
		}
	}
	var all sdk.SubmitReply
	for { // an item of several writes is sent on until it is decided
		r, err := c.client.Submit(ctx, sdk.SubmitRequest{Connection: c.connection, Items: []sdk.SubmitItem{item}})
		if err != nil {
			return nil, all.Meta, err
		}
		r.Exchanges = append(all.Exchanges, r.Exchanges...)
		all = r
		if len(r.Outcomes) != 1 || r.Outcomes[0].Kind != sdk.OutcomeContinue {
			return all, all.Meta, nil
		}
		item.Continuation = r.Outcomes[0].Continuation
	}
}

// callStatuses looks up the applications of the input: {"applications": [...]}, a list, or one.
func callStatuses(ctx context.Context, c authorCall) (any, sdk.Meta, error) {
	req := sdk.ReadStatusesRequest{}
	switch text := bytes.TrimSpace(c.input); {
	case len(text) == 0:
		return nil, sdk.Meta{}, &inputError{`the applications to read are needed, such as [{"candidate_id": "17681532"}]`}
	case text[0] == '[':
		c.input = append(append([]byte(`{"applications":`), text...), '}')
	case !bytes.Contains(text, []byte(`"applications"`)):
		c.input = append(append([]byte(`{"applications":[`), text...), "]}"...)
	}
	if err := c.decode(&req); err != nil {
		return nil, sdk.Meta{}, err
	}
	req.Connection = c.connection
	r, err := c.client.ReadStatuses(ctx, req)
	return r, r.Meta, err
}

// decode reads the input into one of the contract's types, whose names people write in snake_case.
func (c authorCall) decode(into any) error {
	if len(bytes.TrimSpace(c.input)) == 0 {
		return nil
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(c.input))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return &inputError{"the input is no JSON: " + err.Error()}
	}
	b, err := json.Marshal(renamed(tree, func(s string) string { return strings.ReplaceAll(s, "_", "") }))
	if err != nil {
		return fmt.Errorf("rename the input's keys: %w", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return &inputError{"the input does not fit: " + err.Error()}
	}
	return nil
}

// snakeJSON shows one of the contract's values with names in snake_case.
func snakeJSON(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	if m, ok := tree.(map[string]any); ok { // shown apart
		delete(m, "Exchanges")
		delete(m, "Budget")
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err = enc.Encode(renamed(tree, snake))
	return out.Bytes(), err
}

// renamed changes the keys of every object in a decoded JSON value, and leaves out what is null or empty text.
func renamed(v any, name func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			if x != nil && x != "" && x != "0001-01-01T00:00:00Z" {
				out[name(k)] = renamed(x, name)
			}
		}
		return out
	case []any:
		for i := range v {
			v[i] = renamed(v[i], name)
		}
	}
	return v
}

// snake turns CandidateID into candidate_id.
func snake(s string) string {
	var b strings.Builder
	r := []rune(s)
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 && (unicode.IsLower(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
