package wire

import (
	"strconv"
	"unicode/utf8"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// The bounds of what an adapter may answer, in bytes unless said otherwise. Texts for people are cut to
// theirs; identifiers and cursors are refused beyond theirs, because half an identifier names something
// else.
const (
	// MaxMessage bounds a request and a reply as they travel, both ways.
	MaxMessage = 4 << 20

	maxID        = 512
	maxToken     = 8 << 10 // cursors, pages, addresses of web pages
	maxText      = 2 << 10
	maxExcerpt   = 512
	maxItems     = 10_000 // jobs, readings, terms of one reply
	maxExchanges = 64
	maxFields    = 100
)

// cut shortens s to at most n bytes at the end of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// bounds keeps the first breach that it is shown.
type bounds struct{ err error }

func (b *bounds) fail(format string, args ...any) {
	if b.err == nil {
		b.err = breach(format, args...)
	}
}

// id passes an identifier that may be empty.
func (b *bounds) id(what, s string) { b.length(what, s, maxID) }

// someID passes an identifier that must be there.
func (b *bounds) someID(what, s string) {
	if s == "" {
		b.fail("%s is empty", what)
	}
	b.id(what, s)
}

// token passes a cursor or an address.
func (b *bounds) token(what, s string) { b.length(what, s, maxToken) }

func (b *bounds) length(what, s string, most int) {
	if len(s) > most {
		b.fail("%s has %s bytes, %d are allowed", what, strconv.Itoa(len(s)), most)
	}
}

func (b *bounds) count(what string, n, most int) {
	if n > most {
		b.fail("%s has %s entries or bytes, %d are allowed", what, strconv.Itoa(n), most)
	}
}

func (b *bounds) receipt(what string, r *Receipt) {
	if r == nil {
		return
	}
	b.id(what+".candidate_id", r.CandidateId)
	b.id(what+".application_id", r.ApplicationId)
	b.id(what+".pending", r.Pending)
	b.token(what+".profile_url", r.ProfileUrl)
}

// readings passes a page of readings. A way to be gone that is not known would read as visible, so that it
// is refused and not mended.
func (b *bounds) readings(in []*Reading) {
	b.count("readings", len(in), maxItems)
	if b.err != nil {
		return
	}
	for _, r := range in {
		b.id("readings[].candidate_id", r.CandidateId)
		b.id("readings[].application_id", r.ApplicationId)
		b.id("readings[].external_id", r.ExternalId)
		b.id("readings[].pending", r.Pending)
		b.id("readings[].job_id", r.JobId)
		b.id("readings[].merged_into", r.MergedInto)
		b.token("readings[].profile_url", r.ProfileUrl)
		switch sdk.Gone(r.Gone) {
		case "", sdk.GoneDeleted, sdk.GoneMerged:
		default:
			b.fail("the unknown way to be gone %q", cut(r.Gone, 64))
		}
		if b.err != nil {
			return
		}
	}
}
