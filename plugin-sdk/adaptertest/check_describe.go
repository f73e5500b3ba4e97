package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// partner is the platform's name in the suite.
const partner = "Sample Talent"

func describeChecks() []check {
	return []check{
		{name: "describe is stable", run: describeIsStable},
		{name: "describe is whole", run: describeIsWhole},
		{name: "describe asks safely", run: describeAsksSafely},
	}
}

// describeIsStable: the manifest is the same each time and needs no connection.
func describeIsStable(ctx context.Context, s *suite) error {
	m, err := bounded(ctx, s, s.client.Describe, sdk.DescribeRequest{PartnerName: partner})
	if err := s.heard(sdk.Meta{}, err); err != nil {
		return err
	}
	if !reflect.DeepEqual(m, s.manifest) {
		return errors.New("two calls of describe give two manifests")
	}
	return m.Validate()
}

// describeIsWhole: what belongs together is there together.
func describeIsWhole(_ context.Context, s *suite) error {
	m := s.manifest
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(len(m.Fields) > 0, "the manifest has no fields, so that nobody could connect")
	want((m.Note.Format == "" || m.Note.Format == sdk.NoteNone) == (m.Note.Max == 0),
		"the note has the format %q and %d characters", m.Note.Format, m.Note.Max)
	want(!m.Has(sdk.PowerReadStatuses) && !m.Has(sdk.PowerChanges) || len(m.Statuses) > 0,
		"statuses are read and the manifest has no table to translate them")
	want(!m.Has(sdk.PowerSubmit) || m.Dedupe != "", "applications are submitted and the manifest does not say what a repetition does")
	want(!m.Has(sdk.PowerReadStatuses) || m.Deletes != "", "applications are read and the manifest does not say how a deletion shows")
	steps := strings.Join(m.Steps, " ")
	want(len(m.Steps) == 0 || !strings.Contains(steps, "%s") && !strings.Contains(steps, "{{"),
		"the steps have a placeholder that is not filled")
	return errors.Join(errs...)
}

// describeAsksSafely: secrets are marked as such, and an employer cannot say where they are sent.
func describeAsksSafely(_ context.Context, s *suite) error {
	var errs []error
	secrets := 0
	for _, f := range s.manifest.Fields {
		name := strings.ToLower(f.Name)
		if f.Secret {
			secrets++
		}
		if f.Who == sdk.WhoEmployer && (strings.Contains(name, "url") || strings.Contains(name, "host")) {
			errs = append(errs, fmt.Errorf("the field %q lets an employer say where credentials are sent", f.Name))
		}
		if f.Who == sdk.WhoEmployer && f.Required && f.Help == "" && f.Where == "" {
			errs = append(errs, fmt.Errorf("the field %q does not tell an employer what it is or where it is found", f.Name))
		}
		if _, ok := s.settings[f.Name]; ok && f.Secret {
			errs = append(errs, fmt.Errorf("the field %q is secret and was given as a setting", f.Name))
		}
		if _, ok := s.credentials[f.Name]; ok && !f.Secret {
			errs = append(errs, fmt.Errorf("the field %q was given as a credential and is not marked as secret", f.Name))
		}
	}
	if secrets == 0 && !s.manifest.Has(sdk.PowerOAuth) {
		errs = append(errs, errors.New("no field is secret"))
	}
	return errors.Join(errs...)
}
