package host_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/host"
)

func benchProcess(b *testing.B) sdk.Client {
	b.Helper()
	p, err := host.Launch(b.Context(), host.Options{Path: built.adapter})
	require.NoError(b, err)
	b.Cleanup(func() { _ = p.Stop(context.Background()) })
	return p.Client()
}

func benchRequest() sdk.SubmitRequest {
	return sdk.SubmitRequest{
		Connection: sdk.Connection{
			ID: "con_1", Settings: map[string]string{"base_url": "https://ats.example.com"},
			Credentials: map[string]sdk.Secret{"key": "secret-77aa"},
		},
		Items: []sdk.SubmitItem{{
			SubmissionID: "sub_1", ExternalID: "x-1", JobID: "4711", As: sdk.AsCandidate, Note: "Why?\nBecause.",
			Person: sdk.Person{FirstName: "Ida", LastName: "Sample", Emails: []sdk.Email{{Address: "ida@example.com", Type: "personal"}}},
		}},
	}
}

// BenchmarkSubmit measures small calls over the real wire, by one caller and by many.
func BenchmarkSubmit(b *testing.B) {
	b.Run("alone", func(b *testing.B) {
		c, req := benchProcess(b), benchRequest()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Submit(b.Context(), req); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	})
	b.Run("parallel", func(b *testing.B) {
		c, req := benchProcess(b), benchRequest()
		ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
		defer cancel()
		b.ReportAllocs()
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := c.Submit(ctx, req); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	})
}

// BenchmarkLaunch measures a start, one call and the end.
func BenchmarkLaunch(b *testing.B) {
	for b.Loop() {
		p, err := host.Launch(b.Context(), host.Options{Path: built.adapter})
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Stop(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
