package submit

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// files are the resumes of the world, by address: what a look finds, and how long it takes.
type files struct {
	mu    sync.Mutex
	looks map[string]int
	takes time.Duration
	most  int // looks under way at a time
	now   int
	find  func(url string, n int) atssync.ResumeLook
}

func (f *files) look(ctx context.Context, r atssync.Resume, _ sdk.ResumeRule, _ time.Time) atssync.ResumeLook {
	f.mu.Lock()
	f.looks[r.URL]++
	f.now++
	f.most = max(f.most, f.now)
	n, takes := f.looks[r.URL], f.takes
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now--
	}()
	if strings.Contains(r.URL, "slow") {
		takes = 8 * time.Second
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(r.URL, n)
}

func (f *files) made(url string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.looks[url]
}

func (f *files) mostAtATime() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.most
}

func (f *files) finds(find func(url string, n int) atssync.ResumeLook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.find = find
}

func fine(string, int) atssync.ResumeLook {
	return atssync.ResumeLook{CheckResult: atssync.CheckResult{OK: true}}
}

func missing(string, int) atssync.ResumeLook {
	return atssync.ResumeLook{CheckResult: atssync.CheckResult{Cause: "its address answers 404", WhoseTurn: sdk.TurnPlatform, Remedy: "give another"}}
}

func down(string, int) atssync.ResumeLook {
	return atssync.ResumeLook{
		CheckResult: atssync.CheckResult{Cause: "its address could not be reached: connection refused", WhoseTurn: sdk.TurnPlatform, Remedy: "make it reachable"},
		Unreached:   "files.example.com", HostDown: "connection refused", Passing: true,
	}
}

// withFiles is a world whose submissions have resumes that are looked at.
func withFiles(t *testing.T, find func(string, int) atssync.ResumeLook, edit ...func(*Options)) (*bundle, *files) {
	t.Helper()
	f := &files{looks: make(map[string]int), find: find}
	return setup(t, 1, append([]func(*Options){func(o *Options) { o.Policy.Resumes = f.look }}, edit...)...), f
}

// resumeOf is the address that hand gives a submission. The slow ones have a host of their own.
func resumeOf(name string) string {
	if strings.HasPrefix(name, "slow") {
		return "https://slow.example.com/" + name + ".pdf"
	}
	return "https://files.example.com/" + name + ".pdf"
}

func (b *bundle) hand(names ...string) []string {
	b.t.Helper()
	var in []atssync.NewSubmission
	var ids []string
	for i, name := range names {
		id := atssync.NewID(atssync.PrefixSubmission, time.Now().Add(time.Duration(i)*time.Millisecond))
		ids, in = append(ids, id), append(in, withResume(b.t, document(b.conns[0], id, "job"), resumeOf(name)))
	}
	b.take(in)
	return ids
}

func (b *bundle) take(in []atssync.NewSubmission) {
	b.t.Helper()
	got, err := b.store.Accept(context.Background(), in, time.Now())
	require.NoError(b.t, err)
	for _, a := range got {
		require.NoError(b.t, a.Err)
	}
	b.worker.Wake(b.conns[0].ID)
}

func withResume(t testing.TB, n atssync.NewSubmission, url string) atssync.NewSubmission {
	t.Helper()
	var d atssync.Document
	require.NoError(t, json.Unmarshal(n.Payload, &d))
	d.Resume = &atssync.Resume{URL: url, FileName: "resume.pdf"}
	payload, err := json.Marshal(d)
	require.NoError(t, err)
	n.Payload, n.Submission.ResumeKey = payload, url
	return n
}

func TestResumes_WhatIsFineGoesAndIsLookedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := withFiles(t, fine)
		f.takes = 100 * time.Millisecond
		refusals := 0
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				if refusals++; refusals == 1 {
					return &said{err: &sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: time.Second}}
				}
				return passes()
			}
		})
		ids := b.hand("a", "b", "c")
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 3}, b.states(b.conns[0].ID))
		require.Empty(t, b.sub(ids[0]).Warning)
		for _, name := range []string{"a", "b", "c"} {
			require.Equal(t, 1, f.made(resumeOf(name)), "a second attempt fetched it again")
		}
	})
}

func TestResumes_ABadAnswerHoldsAndLetsTheOthersGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := withFiles(t, func(url string, n int) atssync.ResumeLook {
			if strings.Contains(url, "bad") {
				return missing(url, n)
			}
			return fine(url, n)
		})
		c := b.conns[0].ID
		ids := b.hand("a", "bad", "c")
		b.after(10 * time.Second)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 2, atssync.StateHeld: 1}, b.states(c))
		s := b.sub(ids[1])
		require.Equal(t, atssync.HeldResumeUnavailable, s.HeldReason)
		require.Equal(t, "the resume: its address answers 404", s.Trouble.Message)
		turn, remedy := s.Next()
		require.Equal(t, sdk.TurnPlatform, turn)
		require.Equal(t, "give another", remedy)
		events := b.events(c, atssync.EventHeld)
		require.Len(t, events, 1)
		require.Contains(t, string(events[0].Data), "answers 404")

		// It is looked at again ever more rarely, and goes by itself.
		b.after(30 * time.Minute)
		looks := f.made(resumeOf("bad"))
		require.Greater(t, looks, 3)
		require.Less(t, looks, 8)
		require.Len(t, b.events(c, atssync.EventHeld), 1, "each look was told anew")
		f.finds(fine)
		b.after(30 * time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 3}, b.states(c))
		require.Len(t, b.events(c, atssync.EventReleased), 1)
		require.Zero(t, b.ats.doubled())
	})
}

func TestResumes_TheTroubleThatIsShownIsTheLastOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := withFiles(t, missing)
		ids := b.hand("a")
		b.after(time.Second)
		f.finds(func(string, int) atssync.ResumeLook {
			return atssync.ResumeLook{CheckResult: atssync.CheckResult{Cause: "the file is empty", Remedy: "fill it"}}
		})
		b.after(2 * time.Minute)
		require.Equal(t, "the resume: the file is empty", b.sub(ids[0]).Trouble.Message)
		require.Equal(t, sdk.TurnPlatform, b.sub(ids[0]).Trouble.Turn)
	})
}

// A machine without a way out keeps nobody's application waiting, unless it is told to.
func TestResumes_AHostOutOfReach(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		how   atssync.ResumeCheck
		own   atssync.ResumeCheck
		state atssync.State
		looks int // at the first file, as a host is not down at once; those after it are not tried
	}{
		"answered":                    {how: atssync.ResumeCheckAnswered, state: atssync.StateSubmitted, looks: 2},
		"the default":                 {state: atssync.StateSubmitted, looks: 2},
		"strict":                      {how: atssync.ResumeCheckStrict, state: atssync.StateHeld, looks: 3},
		"off":                         {how: atssync.ResumeCheckOff, state: atssync.StateSubmitted},
		"strict on this connection":   {own: atssync.ResumeCheckStrict, state: atssync.StateHeld, looks: 3},
		"strict but not on this one":  {how: atssync.ResumeCheckStrict, own: atssync.ResumeCheckAnswered, state: atssync.StateSubmitted, looks: 2},
		"strict and off on this one!": {how: atssync.ResumeCheckStrict, own: atssync.ResumeCheckOff, state: atssync.StateSubmitted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, f := withFiles(t, down, func(o *Options) { o.Policy.ResumeCheck = tt.how })
				_, err := b.store.UpdateConnection(t.Context(), b.conns[0].ID, 0, func(c *atssync.Connection) error {
					c.ResumeCheck = tt.own
					return nil
				}, time.Now())
				require.NoError(t, err)
				f.takes = 100 * time.Millisecond
				first := b.hand("first")
				b.after(20 * time.Second)
				more := b.hand("second", "third")
				b.after(10 * time.Second)
				require.Equal(t, map[atssync.State]int64{tt.state: 3}, b.states(b.conns[0].ID))
				require.Equal(t, tt.looks, f.made(resumeOf("first")))
				require.Zero(t, f.made(resumeOf("second"))+f.made(resumeOf("third")), "a host that is down was asked for each file")
				why := map[bool]string{true: "its address could not be reached", false: "its host was not asked, as it gave no answer for others just now"}
				for i, id := range append(first, more...) {
					s, says := b.sub(id), why[i == 0]+": connection refused"
					switch {
					case tt.looks == 2:
						require.Equal(t, "the resume was not looked at before it was sent: "+says, s.Warning)
					case tt.looks == 3:
						require.Equal(t, "the resume: "+says, s.Trouble.Message)
					default:
						require.Empty(t, s.Warning)
					}
				}
			})
		})
	}
}

func TestResumes_TurningTheCheckOffLetsThemGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := withFiles(t, missing)
		b.hand("a", "b")
		b.after(3 * time.Hour)
		require.Equal(t, map[atssync.State]int64{atssync.StateHeld: 2}, b.states(b.conns[0].ID))
		_, err := b.store.UpdateConnection(t.Context(), b.conns[0].ID, 0, func(c *atssync.Connection) error {
			c.ResumeCheck = atssync.ResumeCheckOff
			return nil
		}, time.Now())
		require.NoError(t, err)
		b.worker.Wake(b.conns[0].ID)
		b.after(time.Second)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 2}, b.states(b.conns[0].ID))
	})
}

func TestResumes_AServerThatStumblesIsAskedAgainBeforeAnybodyIsHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := withFiles(t, func(url string, n int) atssync.ResumeLook {
			if n < 3 {
				return atssync.ResumeLook{CheckResult: atssync.CheckResult{Cause: "its address answers 503"}, Passing: true}
			}
			return fine(url, n)
		})
		b.hand("a")
		b.after(10 * time.Second)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 1}, b.states(b.conns[0].ID))
		require.Equal(t, 3, f.made(resumeOf("a")))
		require.Empty(t, b.events(b.conns[0].ID, atssync.EventHeld))
	})
}

func TestResumes_SlowFilesKeepNobodyElseWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := withFiles(t, fine)
		var names []string
		for i := range 40 {
			names = append(names, "slow"+strings.Repeat("x", i))
		}
		b.hand(append(names, "quick")...)
		b.accept(b.conns[0], "job", 3) // without a resume
		b.worker.Wake(b.conns[0].ID)
		b.after(5 * time.Second)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 4, atssync.StateQueued: 40}, b.states(b.conns[0].ID))
		require.Equal(t, looksPerHost+1, f.mostAtATime(), "of the slow host so many, and the quick one")
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 44}, b.states(b.conns[0].ID))
		require.Zero(t, b.ats.doubled())
	})
}

// The same content with a new signature is no revision elsewhere; here it is what is waited for.
func TestResumes_ANewAddressReleasesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := withFiles(t, func(url string, n int) atssync.ResumeLook {
			if strings.Contains(url, "fresh") {
				return fine(url, n)
			}
			return missing(url, n)
		})
		c := b.conns[0]
		doc := document(c, atssync.NewID(atssync.PrefixSubmission, time.Now()), "job")
		b.take([]atssync.NewSubmission{withResume(t, doc, "https://files.example.com/a?sig=old")})
		b.after(time.Second)
		require.Equal(t, map[atssync.State]int64{atssync.StateHeld: 1}, b.states(c.ID))
		b.take([]atssync.NewSubmission{withResume(t, doc, "https://files.example.com/a?sig=old")})
		require.Equal(t, 1, b.sub(doc.Submission.ID).Revision, "the same address again is a repetition")
		b.take([]atssync.NewSubmission{withResume(t, doc, "https://files.example.com/a?sig=fresh")})
		b.after(time.Second)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 1}, b.states(c.ID))
		require.Equal(t, 2, b.sub(doc.Submission.ID).Revision)
		require.Equal(t, 1, f.made("https://files.example.com/a?sig=fresh"))
	})
}

func TestResumes_ARestartLooksAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := withFiles(t, missing)
		b.hand("a")
		b.after(5 * time.Hour)
		f.finds(fine)
		b.crash(func(o *Options) { o.Policy.Resumes = f.look })
		b.worker.Wake(b.conns[0].ID)
		b.after(3 * time.Second)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 1}, b.states(b.conns[0].ID))
	})
}

// What the ATS itself did not take would be sent over and over.
func TestResumes_TheATSsOwnWordIsNotOverruled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := withFiles(t, fine)
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				return &said{err: &sdk.Error{Kind: sdk.KindAttachment, Message: "the resume is password protected", Turn: sdk.TurnPlatform}}
			}
		})
		ids := b.hand("a")
		b.after(24 * time.Hour)
		require.Equal(t, atssync.HeldResumeUnavailable, b.sub(ids[0]).HeldReason)
		require.Equal(t, 1, f.made(resumeOf("a")))
		require.Equal(t, 1, b.sub(ids[0]).Attempt)
	})
}

func TestResumes_AWarningIsKeptWithWhatWasSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := withFiles(t, func(string, int) atssync.ResumeLook {
			return atssync.ResumeLook{CheckResult: atssync.CheckResult{OK: true, Warning: true, Cause: "it is large"}}
		})
		ids := b.hand("a")
		b.after(time.Second)
		require.Equal(t, atssync.StateSubmitted, b.sub(ids[0]).State)
		require.Equal(t, "the resume: it is large", b.sub(ids[0]).Warning)
	})
}

// A wait for the limits that is longer than a look counts must not have the file looked at for ever.
func TestResumes_ALongWaitForTheLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := withFiles(t, fine)
		b.adapters.set(func(a *adapters) {
			a.reserve = func(ctx context.Context, _ string, p sdk.Power) error {
				if p == sdk.PowerSubmit {
					time.Sleep(lookKept + time.Minute)
				}
				return ctx.Err()
			}
		})
		b.hand("a")
		b.after(time.Hour)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 1}, b.states(b.conns[0].ID))
		require.Equal(t, 1, f.made(resumeOf("a")))
	})
}

func TestResumes_StoppingLeavesWhatIsLookedAtQueued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := withFiles(t, missing, func(o *Options) { o.Policy.ResumeCheck = atssync.ResumeCheckStrict })
		b.hand("slow")
		b.after(time.Second)
		b.worker.Stop(t.Context())
		require.Equal(t, map[atssync.State]int64{atssync.StateQueued: 1}, b.states(b.conns[0].ID))
	})
}

func TestResumes_APausedConnectionIsLookedAtWhenItGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := withFiles(t, missing)
		c := b.conns[0].ID
		b.hand("a")
		b.after(time.Second)
		pause := func(to atssync.ConnectionState) {
			_, err := b.store.UpdateConnection(t.Context(), c, 0, func(c *atssync.Connection) error { c.State = to; return nil }, time.Now())
			require.NoError(t, err)
		}
		pause(atssync.ConnectionPaused)
		f.finds(fine)
		b.after(time.Hour)
		require.Equal(t, map[atssync.State]int64{atssync.StateHeld: 1}, b.states(c))
		pause(atssync.ConnectionActive)
		b.after(5 * time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 1}, b.states(c))
	})
}
