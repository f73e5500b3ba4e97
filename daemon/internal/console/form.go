package console

import (
	"strconv"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// version is the version that a form was made for: another one is told, and nothing is overwritten.
func (v *visit) version() (int64, error) {
	n, err := strconv.ParseInt(v.r.PostForm.Get("version"), 10, 64)
	if err != nil || n <= 0 {
		return 0, atssync.Errorf(atssync.CodeInvalid, "the form does not say what it was made for").WithRemedy("open the page again, and send the form from there")
	}
	return n, nil
}

// instant reads a date, or a date and time, in UTC.
func instant(text, field string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, &atssync.Error{Code: atssync.CodeInvalid, Message: "the date cannot be read", Fields: []atssync.FieldError{
		{Path: field, Message: "must be a date such as 2027-01-31"},
	}}
}

// cut takes the prefix of an adapter's field off the name of its input.
func cut(name string) (field string, own bool) { return strings.CutPrefix(name, fieldPrefix) }

// unix writes the ends of lines as the rest of the daemon does; browsers send two characters.
func unix(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }
