package manage

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	maxName      = 200   // characters of a label
	maxID        = 255   // bytes of an id of the platform's
	maxTemplate  = 32000 // characters of a note template
	maxOverrides = 500
)

// policy returns what is wrong with what a connection says beside its values.
func policy(c atssync.Connection, m sdk.Manifest) []atssync.FieldError {
	var out []atssync.FieldError
	refuse := func(path, format string, args ...any) {
		out = append(out, atssync.FieldError{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if n := utf8.RuneCountInString(c.Name); n > maxName {
		refuse("name", "has %d characters; the limit is %d", n, maxName)
	}
	if strings.ContainsFunc(c.Name, unicode.IsControl) || strings.TrimSpace(c.Name) != c.Name {
		refuse("name", "must be one line without spaces around it")
	}
	switch c.OnUncertain {
	case "", atssync.OnUncertainHold:
	case atssync.OnUncertainResend:
		if m.Find != sdk.FindExternalID && m.Dedupe != sdk.DedupeExternalID {
			refuse("on_uncertain", "resend would make duplicates: %s neither finds nor recognises a submission by its external id", m.Label)
		}
	default:
		refuse("on_uncertain", "must be hold or resend")
	}
	if c.ResumeCheck != "" && !slices.Contains(atssync.ResumeChecks(), c.ResumeCheck) {
		refuse("resume_check", "must be answered, strict or off")
	}
	if n := utf8.RuneCountInString(c.LastNameFallback); n > maxName {
		refuse("last_name_fallback", "has %d characters; the limit is %d", n, maxName)
	}
	if n := utf8.RuneCountInString(c.NoteTemplate); n > maxTemplate {
		refuse("note_template", "has %d characters; the limit is %d", n, maxTemplate)
	} else if _, err := atssync.ParseNote(c.NoteTemplate); err != nil {
		refuse("note_template", "%v", err)
	}
	if len(c.StatusOverrides) > maxOverrides {
		refuse("status_overrides", "has %d entries; the limit is %d", len(c.StatusOverrides), maxOverrides)
		return out
	}
	for i, o := range c.StatusOverrides {
		path := fmt.Sprintf("status_overrides[%d]", i)
		match := o
		match.Status, match.Phase = "", ""
		switch {
		case match == (atssync.StatusOverride{}):
			refuse(path, "would match everything: say which raw words it is for")
		case o.Status == "" && o.Phase == "":
			refuse(path, "says neither a status nor a phase")
		}
		if o.Status != "" && !slices.Contains(sdk.Statuses(), o.Status) {
			refuse(path+".status", "must be one of %s", joined(sdk.Statuses()))
		}
		if o.Phase != "" && !slices.Contains(sdk.Phases(), o.Phase) {
			refuse(path+".phase", "must be one of %s", joined(sdk.Phases()))
		}
	}
	return out
}

func joined[T ~string](list []T) string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return strings.Join(out, ", ")
}

// badID says what is wrong with an id that the platform gives.
func badID(id string) string {
	switch {
	case id == "":
		return "is required"
	case len(id) > maxID:
		return fmt.Sprintf("has %d bytes; the limit is %d", len(id), maxID)
	case strings.TrimSpace(id) != id || strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "must hold printable characters only, and no space around them"
	}
	return ""
}

func invalid(what string, fields []atssync.FieldError) *atssync.Error {
	return &atssync.Error{Code: atssync.CodeInvalid, Message: what + " is not valid", Fields: fields}
}
