package atssync

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// resumeSoon is how long a resume's address must work on: an ATS may fetch it that late.
const resumeSoon = 72 * time.Hour

// LookAtEnd says what needs no network: that a resume's address stopped to work or will before an ATS may have fetched it.
// ended is false where nothing says so.
func (r Resume) LookAtEnd(now time.Time) (found ResumeLook, ended bool) {
	end := r.end()
	if end.IsZero() || !end.Before(now.Add(resumeSoon)) {
		return found, false
	}
	found = NewResumeLook()
	found.OK, found.WhoseTurn = false, sdk.TurnPlatform
	found.Cause = "its address stops to work within 72 hours, and an ATS may fetch it later than that"
	if !end.After(now) {
		found.Cause = "its address stopped to work at " + end.UTC().Format(time.RFC3339)
	}
	found.Remedy = "send the application again with an address that works for a week"
	return found, true
}

// end is when a resume's address stops to work, zero when nothing says so: what the platform told, or what the address
// itself is signed for, whichever comes first.
func (r Resume) end() time.Time {
	end := signedUntil(r.URL)
	if r.ExpiresAt != nil && (end.IsZero() || r.ExpiresAt.Before(end)) {
		end = *r.ExpiresAt
	}
	return end
}

// longestSignature bounds what a query is believed; more is no instant.
const longestSignature = 100 * 365 * 24 * time.Hour

// signedUntil reads from a signed address when its signature ends: of Amazon S3 and CloudFront, Google Cloud Storage, Azure
// Blob Storage, and what speaks like them. It is zero where there is no signature or it does not tell.
func signedUntil(address string) time.Time {
	u, err := url.Parse(address)
	if err != nil {
		return time.Time{}
	}
	q := make(map[string]string)
	for k, v := range u.Query() {
		q[strings.ToLower(k)] = v[0]
	}
	for _, by := range []string{"x-amz-", "x-goog-"} {
		at, err := time.Parse("20060102T150405Z", q[by+"date"])
		seconds, serr := strconv.ParseInt(q[by+"expires"], 10, 64)
		if err == nil && serr == nil && seconds >= 0 && seconds < int64(longestSignature/time.Second) {
			return at.Add(time.Duration(seconds) * time.Second)
		}
	}
	if _, signed := q["signature"]; signed {
		if epoch, err := strconv.ParseInt(q["expires"], 10, 64); err == nil && epoch > 0 && epoch < int64(2*longestSignature/time.Second) {
			return time.Unix(epoch, 0).UTC()
		}
	}
	if _, signed := q["sig"]; signed {
		for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z", time.DateOnly} {
			if at, err := time.Parse(form, q["se"]); err == nil {
				return at.UTC()
			}
		}
	}
	return time.Time{}
}
