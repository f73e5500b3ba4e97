package sdk_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

func goodManifest() sdk.Manifest {
	return sdk.Manifest{
		Name: "acme_ats", Label: "Acme", Version: "1.2.0", ContractMin: 1, ContractMax: 1,
		Powers:   []sdk.Power{sdk.PowerSubmit, sdk.PowerFind},
		Fields:   []sdk.Field{{Name: "api_key", Label: "API key", Secret: true, Who: sdk.WhoEmployer}},
		Limits:   []sdk.Limit{{Scope: "credential", Requests: 50, Per: time.Second}},
		InFlight: map[sdk.Power]int{sdk.PowerSubmit: 2},
		Find:     sdk.FindExternalID,
		Statuses: []sdk.StatusRule{{RawStatus: "hired", Status: sdk.StatusHired, Phase: sdk.PhaseHired}},
	}
}

func TestManifestValidate_NamesEachFault(t *testing.T) {
	t.Parallel()
	require.NoError(t, goodManifest().Validate())
	for want, spoil := range map[string]func(*sdk.Manifest){
		"Name":                    func(m *sdk.Manifest) { m.Name = "Acme ATS" },
		"Label is empty":          func(m *sdk.Manifest) { m.Label = "" },
		"Version is empty":        func(m *sdk.Manifest) { m.Version = "" },
		"no range":                func(m *sdk.Manifest) { m.ContractMax = 0 },
		"no power":                func(m *sdk.Manifest) { m.Powers = append(m.Powers, "fly") },
		"twice":                   func(m *sdk.Manifest) { m.Powers = append(m.Powers, sdk.PowerSubmit) },
		"InFlight has":            func(m *sdk.Manifest) { m.InFlight[sdk.PowerChanges] = 1 },
		"InFlight of":             func(m *sdk.Manifest) { m.InFlight[sdk.PowerSubmit] = 0 },
		"Cost of":                 func(m *sdk.Manifest) { m.Cost = map[sdk.Power]int{sdk.PowerSubmit: 0} },
		"contradicts the powers":  func(m *sdk.Manifest) { m.Find = sdk.FindNone },
		"is there twice":          func(m *sdk.Manifest) { m.Fields = append(m.Fields, m.Fields[0]) },
		"nobody who fills":        func(m *sdk.Manifest) { m.Fields[0].Who = "" },
		"secret and has":          func(m *sdk.Manifest) { m.Fields[0].Default = "x" },
		"scope":                   func(m *sdk.Manifest) { m.Limits[0].Scope = "planet" },
		"is none":                 func(m *sdk.Manifest) { m.Limits[0].Per = 0 },
		"Batch.Submit":            func(m *sdk.Manifest) { m.Batch.Submit = -1 },
		"no HTTP error":           func(m *sdk.Manifest) { m.RefusedBeforeProcessing = []int{200} },
		"Dedupe is":               func(m *sdk.Manifest) { m.Dedupe = "maybe" },
		"Deletes is":              func(m *sdk.Manifest) { m.Deletes = "maybe" },
		"Note.Format":             func(m *sdk.Manifest) { m.Note.Format = "rtf" },
		"Note.Max":                func(m *sdk.Manifest) { m.Note.Max = -1 },
		"negative size":           func(m *sdk.Manifest) { m.Resume.MaxBytes = -1 },
		"Statuses[0] has the sta": func(m *sdk.Manifest) { m.Statuses[0].Status = "lost" },
		"Statuses[0] has the pha": func(m *sdk.Manifest) { m.Statuses[0].Phase = "lost" },
		"RE2":                     func(m *sdk.Manifest) { m.ProfileURL = "(" },
		"more than":               func(m *sdk.Manifest) { m.Steps = []string{strings.Repeat("x", 5000)} },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			m := goodManifest()
			spoil(&m)
			require.ErrorContains(t, m.Validate(), want)
		})
	}
}

func TestManifestValidate_ReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	m := goodManifest()
	m.Name, m.Version = "", ""
	require.ErrorContains(t, m.Validate(), "Name")
	require.ErrorContains(t, m.Validate(), "Version")
}

// bare has no power and linker has one.
type bare struct{}

func (bare) Describe(context.Context, sdk.DescribeRequest) (sdk.Manifest, error) {
	return sdk.Manifest{}, nil
}

func (bare) Check(context.Context, sdk.CheckRequest) (sdk.CheckReply, error) {
	return sdk.CheckReply{}, nil
}

type linker struct{ bare }

func (linker) TrackingLink(context.Context, sdk.TrackingLinkRequest) (sdk.TrackingLinkReply, error) {
	return sdk.TrackingLinkReply{}, nil
}

// all has every power.
type all struct{ sdk.Client }

func TestImplemented_SeesEachInterface(t *testing.T) {
	t.Parallel()
	require.Empty(t, sdk.Implemented(bare{}))
	require.Equal(t, []sdk.Power{sdk.PowerTrackingLink}, sdk.Implemented(linker{}))
	require.Equal(t, sdk.Powers(), sdk.Implemented(all{}))
}
