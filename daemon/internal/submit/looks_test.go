package submit

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// byName finds what the name of a file says.
func byName(url string, n int) atssync.ResumeLook {
	silent := atssync.ResumeLook{
		CheckResult: atssync.CheckResult{Cause: "its address gave no answer within 10s", WhoseTurn: sdk.TurnPlatform},
		Unreached:   "files.example.com", Passing: true,
	}
	switch {
	case strings.Contains(url, "refused"):
		return down(url, n)
	case strings.Contains(url, "missing"):
		return missing(url, n)
	case strings.Contains(url, "silent"):
		return silent
	case strings.Contains(url, "forbidden"):
		silent.Passing = false
		return silent
	}
	return fine(url, n)
}

// What is wrong with one file says nothing about the next one of its host.
func TestLooks_OneFilesFaultIsNotItsHosts(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"silent", "forbidden", "missing"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, f := withFiles(t, byName)
				b.hand(fault)
				b.after(10 * time.Second)
				require.Equal(t, 1, f.made(resumeOf(fault)), "nobody is held for it, so it is not waited for")
				ids := b.hand("fine", "missing too")
				b.after(10 * time.Second)
				require.Equal(t, atssync.StateSubmitted, b.sub(ids[0]).State)
				require.Empty(t, b.sub(ids[0]).Warning)
				require.Equal(t, "the resume: its address answers 404", b.sub(ids[1]).Trouble.Message)
			})
		})
	}
}

// What needs no network is known of every resume, whatever its host does.
func TestLooks_AnEndIsKnownWithoutTheHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := withFiles(t, byName)
		b.hand("refused")
		b.after(10 * time.Second)
		c, soon := b.conns[0], time.Now().Add(time.Hour).UTC()
		address := "https://files.example.com/a.pdf?X-Amz-Expires=3600&X-Amz-Date=" + soon.Add(-time.Hour).Format("20060102T150405Z")
		signed := withResume(t, document(c, atssync.NewID(atssync.PrefixSubmission, time.Now()), "job"), address)
		b.take([]atssync.NewSubmission{signed})
		b.after(time.Second)
		s := b.sub(signed.Submission.ID)
		require.Equal(t, atssync.HeldResumeUnavailable, s.HeldReason, "an application was sent with a resume that nobody can fetch tomorrow")
		require.Contains(t, s.Trouble.Message, "within 72 hours")
		require.Equal(t, sdk.TurnPlatform, s.Trouble.Turn)
		b.after(3 * time.Hour)
		require.Contains(t, b.sub(signed.Submission.ID).Trouble.Message, "stopped to work at")
		require.Zero(t, f.made(address), "an address that ends too soon was asked")
	})
}

// A host that takes connections and answers for nothing is down too; one that answers in between is not.
func TestLooks_AHostThatIsSilentForAllItsPlacesIsDown(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		silent  int
		between bool
		warned  string
	}{
		"fewer than its places":     {silent: looksPerHost - 1},
		"all places":                {silent: looksPerHost, warned: "the resume was not looked at before it was sent: its host was not asked, as it gave no answer for others just now: 16 files in a row were not answered"},
		"with an answer in between": {silent: looksPerHost, between: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, f := withFiles(t, byName)
				for i := range tt.silent {
					if tt.between && i == tt.silent/2 {
						b.hand("quick")
						b.after(time.Second)
					}
					ids := b.hand(fmt.Sprint("silent", i))
					b.after(time.Second)
					require.Contains(t, b.sub(ids[0]).Warning, "gave no answer within 10s")
				}
				ids := b.hand("fine")
				b.after(time.Second)
				require.Equal(t, tt.warned, b.sub(ids[0]).Warning)
				// A while later it is asked again, and one answer is enough.
				b.after(hostKept)
				more := b.hand("fine too")
				b.after(time.Second)
				require.Equal(t, 1, f.made(resumeOf("fine too")))
				require.Empty(t, b.sub(more[0]).Warning)
			})
		})
	}
}

// What waited for a place while others found the host down does not take its whole time to find that out as well.
func TestLooks_ADeadHostIsNotAskedByAllThatWaitForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := withFiles(t, byName)
		f.takes = 5 * time.Second // a connection is waited for so long
		var names []string
		for i := range 60 {
			names = append(names, fmt.Sprint("refused", i))
		}
		b.hand(names...)
		b.after(30 * time.Second)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 60}, b.states(b.conns[0].ID))
		looks := 0
		for _, name := range names {
			looks += f.made(resumeOf(name))
		}
		require.Equal(t, 2*looksPerHost, looks, "each of them asked for itself")
	})
}
