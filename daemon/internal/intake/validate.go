package intake

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Rules are what a document is judged by beside its own shape.
type Rules struct {
	Now time.Time
	// LastNameFallback is the connection's; with one, a person may have no last name.
	LastNameFallback string
}

// Validate returns every problem of a document, nil when it is good.
func Validate(doc atssync.Document, r Rules) []atssync.FieldError { return nil }
