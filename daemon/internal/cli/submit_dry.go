package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/atssync/atssync/daemon/internal/api"
)

// preflightAll says of each document of a file whether it would go through now.
func (c *command) preflightAll(ctx context.Context, in io.Reader, asJSON bool) error {
	documents, err := documents(bufio.NewReaderSize(in, 64<<10))
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(documents)
	lines.Buffer(make([]byte, 64<<10), maxDocument)
	all, bad := 0, 0
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		all++
		p, err := c.daemon().Preflight(ctx, bytes.Clone(lines.Bytes()))
		var refused *api.Error
		switch {
		case errors.As(err, &refused) && !errors.Is(err, api.ErrUnreachable) && byCode(refused.Code) != exitLater:
			bad++
			if err := c.showRefusal(n, externalID(lines.Bytes()), refused, asJSON); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("line %d: %w", n, err)
		case !p.OK:
			bad++
		}
		if err := c.showPreflight(n, p, asJSON); err != nil {
			return err
		}
	}
	switch {
	case lines.Err() != nil:
		return fmt.Errorf("read the documents: %w", lines.Err())
	case all == 0:
		return errors.New("there is no document in it")
	}
	if !asJSON {
		fmt.Fprintf(c.Out, "%d looked at, %d would go through now; nothing was handed over\n", all, all-bad)
	}
	if bad > 0 {
		return &told{exitSome}
	}
	return nil
}

// dryLine is what became of the look at one line.
type dryLine struct {
	Line int `json:"line"`
	api.Preflight
	Error *api.ErrorBody `json:"error,omitempty"`
}

// externalID reads what the platform calls a document, where it can be read.
func externalID(document []byte) string {
	var d struct {
		ExternalID string `json:"external_id"`
	}
	_ = json.Unmarshal(document, &d) // what is wrong with the document is told already
	return d.ExternalID
}

func (c *command) showRefusal(line int, externalID string, e *api.Error, asJSON bool) error {
	if asJSON {
		body := &api.ErrorBody{Code: e.Code, Message: e.Message, Remedy: e.Remedy, Fields: e.Fields, Checks: e.Checks}
		return json.NewEncoder(c.Out).Encode(dryLine{Line: line, Preflight: api.Preflight{Result: "refused", ExternalID: externalID, Checks: []api.CheckResult{}}, Error: body})
	}
	fmt.Fprintf(c.Out, "line %d%s: would be refused: ", line, label(externalID))
	tellItem(c.Out, e)
	return nil
}

func (c *command) showPreflight(line int, p api.Preflight, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(c.Out).Encode(dryLine{Line: line, Preflight: p})
	}
	verdict := "would be refused"
	if p.State != "" {
		verdict = "would be " + string(p.State)
		if p.HeldReason != "" {
			verdict += ": " + string(p.HeldReason)
		}
		if p.State == "queued" && !p.OK {
			verdict += ", and wait"
		}
		if p.Result == "unchanged" {
			verdict = "was handed over before and is " + string(p.State)
		}
	}
	fmt.Fprintf(c.Out, "line %d%s: %s\n", line, label(p.ExternalID), verdict)
	tellFields(c.Out, p.Errors)
	var troubles []api.CheckResult
	for _, r := range p.Checks {
		if !r.OK || r.Warning {
			if r.OK {
				r.OK = false // a warning is shown as one
			}
			troubles = append(troubles, r)
		}
	}
	tellChecks(c.Out, troubles)
	return nil
}
