package atssync_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func BenchmarkRenderNote(b *testing.B) {
	n, err := atssync.ParseNote("")
	require.NoError(b, err)
	d := noteDocument()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.Render(d, "Talents", sdk.NoteRule{Format: sdk.NotePlain, Max: 10_000}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMapStanding maps a status that the table has and a stage that has to be inferred.
func BenchmarkMapStanding(b *testing.B) {
	rd, was := reading("active", "Application review"), application().Standing
	b.ReportAllocs()
	for b.Loop() {
		if atssync.MapStanding(rules, rd, was).Phase != sdk.PhaseReview {
			b.Fatal("mapped to something else")
		}
	}
}

// BenchmarkApplyReadings judges what a status pass reads of one application.
func BenchmarkApplyReadings(b *testing.B) {
	for _, bb := range []struct {
		name, stage string
		changes     bool
	}{
		{"unchanged", "Application review", false},
		{"changed", "Offer", true},
	} {
		b.Run(bb.name, func(b *testing.B) {
			readings := []sdk.Reading{reading("active", bb.stage)}
			b.ReportAllocs()
			for b.Loop() {
				a := application()
				if changed, _ := a.ApplyReadings(readings, rules, now); changed != bb.changes {
					b.Fatal("judged otherwise")
				}
			}
		})
	}
}

// A status pass judges every application and nearly all of them are as they were: so that it must cost little.
//
//nolint:paralleltest // allocations are counted for the whole process.
func TestApplyReadings_WhatIsUnchangedAllocatesLittle(t *testing.T) {
	readings := []sdk.Reading{reading("active", "Application review")}
	a := application()
	changed, _ := a.ApplyReadings(readings, rules, now)
	require.False(t, changed)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { a.ApplyReadings(readings, rules, now) }), 4.0)
}
