package sdk

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// The bounds of a manifest.
const (
	maxManifestList = 2000
	maxManifestText = 4 << 10
	maxBatch        = 1000
	maxInFlight     = 256
)

// Validate returns every way in which the manifest cannot be right, joined, each as a sentence for the
// adapter's author that names the field; nil when there is none.
func (m Manifest) Validate() error {
	v := &validator{}
	v.check(isName(m.Name), "Name %q is not made of a-z, 0-9 and _", m.Name)
	v.text("Label", m.Label)
	v.text("Version", m.Version)
	v.check(m.ContractMin >= 1 && m.ContractMin <= m.ContractMax,
		"ContractMin %d and ContractMax %d are no range", m.ContractMin, m.ContractMax)
	v.powers(m)
	v.fields(m.Fields)
	v.limits(m)
	v.rules(m)
	v.length("Steps", len(m.Steps))
	v.length("MissingCauses", len(m.MissingCauses))
	for _, s := range slices.Concat(m.Steps, m.MissingCauses) {
		v.text("Steps or MissingCauses", s)
	}
	if _, err := regexp.Compile(m.ProfileURL); err != nil || len(m.ProfileURL) > maxManifestText {
		v.check(false, "ProfileURL is not an RE2 expression of at most %d bytes", maxManifestText)
	}
	return errors.Join(v.errs...)
}

type validator struct{ errs []error }

func (v *validator) check(ok bool, format string, args ...any) {
	if !ok {
		v.errs = append(v.errs, fmt.Errorf("manifest: "+format, args...))
	}
}

func (v *validator) text(what, s string) {
	v.check(s != "", "%s is empty", what)
	v.check(len(s) <= maxManifestText, "%s has more than %d bytes", what, maxManifestText)
}

func (v *validator) length(what string, n int) {
	v.check(n <= maxManifestList, "%s has %d entries, %d are allowed", what, n, maxManifestList)
}

func (v *validator) powers(m Manifest) {
	seen := map[Power]bool{}
	for _, p := range m.Powers {
		v.check(slices.Contains(Powers(), p), "Powers has %q, which is no power", p)
		v.check(!seen[p], "Powers has %q twice", p)
		seen[p] = true
	}
	for p, n := range m.InFlight {
		v.check(seen[p], "InFlight has %q, which is not in Powers", p)
		v.check(n >= 1 && n <= maxInFlight, "InFlight of %q is %d, not 1 to %d", p, n, maxInFlight)
	}
	for p, n := range m.Cost {
		v.check(seen[p], "Cost has %q, which is not in Powers", p)
		v.check(n >= 1, "Cost of %q is %d, not 1 or more", p, n)
	}
	v.check((m.Find != "" && m.Find != FindNone) == seen[PowerFind], "Find is %q, which contradicts the powers", m.Find)
}

func (v *validator) fields(fields []Field) {
	v.length("Fields", len(fields))
	seen := map[string]bool{}
	for _, f := range fields {
		v.check(isName(f.Name), "field %q is not named with a-z, 0-9 and _", f.Name)
		v.check(!seen[f.Name], "field %q is there twice", f.Name)
		seen[f.Name] = true
		v.text("the label of field "+f.Name, f.Label)
		v.check(f.Who == WhoEmployer || f.Who == WhoOperator, "field %q has nobody who fills it in", f.Name)
		v.check(!f.Secret || f.Default == "", "field %q is secret and has a default", f.Name)
	}
}

func (v *validator) limits(m Manifest) {
	v.length("Limits", len(m.Limits))
	for _, l := range m.Limits {
		v.check(l.Scope == "credential" || l.Scope == "connection", "a limit has the scope %q", l.Scope)
		v.check(l.Requests >= 1 && l.Per > 0 && l.Burst >= 0, "the limit %d per %s with burst %d is none", l.Requests, l.Per, l.Burst)
	}
	for what, n := range map[string]int{"Submit": m.Batch.Submit, "ReadStatuses": m.Batch.ReadStatuses} {
		v.check(n >= 0 && n <= maxBatch, "Batch.%s is %d, not 0 to %d", what, n, maxBatch)
	}
	for _, s := range m.RefusedBeforeProcessing {
		v.check(s >= 400 && s <= 599, "RefusedBeforeProcessing has %d, which is no HTTP error", s)
	}
}

func (v *validator) rules(m Manifest) {
	v.check(slices.Contains([]Find{"", FindNone, FindExternalID, FindEmailAndJob}, m.Find), "Find is %q", m.Find)
	v.check(slices.Contains([]Dedupe{"", DedupeNone, DedupeExternalID}, m.Dedupe), "Dedupe is %q", m.Dedupe)
	v.check(slices.Contains([]Deletes{"", DeletesHidden, DeletesVisible}, m.Deletes), "Deletes is %q", m.Deletes)
	v.check(slices.Contains([]NoteFormat{"", NoteNone, NotePlain, NoteHTML}, m.Note.Format), "Note.Format is %q", m.Note.Format)
	v.check(m.Note.Max >= 0, "Note.Max is negative")
	v.check(m.Resume.MaxBytes >= 0 && m.Resume.ParsedBytes >= 0, "Resume has a negative size")
	v.length("Statuses", len(m.Statuses))
	for i, r := range m.Statuses {
		v.check(r.Status == "" || slices.Contains(Statuses(), r.Status), "Statuses[%d] has the status %q", i, r.Status)
		v.check(r.Phase == "" || slices.Contains(Phases(), r.Phase), "Statuses[%d] has the phase %q", i, r.Phase)
	}
}

// isName reports whether s is a name of the contract: one to 64 of a-z, 0-9 and _.
func isName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
