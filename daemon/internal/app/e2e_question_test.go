package app

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/browser"
)

// lose gives the candidate of an application two others and takes ours away, and returns the ids of those two.
func (p *pageWorld) lose(c api.Connection, external string) (ids [2]int64, sub string) {
	p.t.Helper()
	e := p.ats.Employers[0]
	do := func(action string, args map[string]any, into any) {
		p.ats.do(http.MethodPost, "/employers/"+e.Name+"/"+action, args, into)
	}
	var people []struct {
		Applications []struct {
			ID int64 `json:"id"`
		} `json:"applications"`
	}
	p.ats.do(http.MethodGet, "/employers/"+e.Name+"/candidates?external_id="+external, nil, &people)
	require.Len(p.t, people, 1)
	for i, job := range []simulated{e.Jobs[2], e.Jobs[3]} {
		var made struct {
			ID int64 `json:"application_id"`
		}
		do("apply", map[string]any{"external_id": external, "job": job.Name}, &made)
		ids[i] = made.ID
	}
	do("remove", map[string]any{"application_id": people[0].Applications[0].ID}, nil)
	p.eventually(20*time.Second, func() bool {
		_, _ = p.client.RunNow(p.t.Context(), "status")
		open, err := p.client.Applications(p.t.Context(), api.ApplicationQuery{Connection: c.ID, Question: true})
		if err != nil || len(open.Items) == 0 {
			return false
		}
		sub = open.Items[0].ID
		return true
	}, "nothing was asked")
	return ids, sub
}

func (p *pageWorld) seen(external string) {
	p.t.Helper()
	p.settled(20 * time.Second)
	p.eventually(20*time.Second, func() bool {
		_, _ = p.client.RunNow(p.t.Context(), "status")
		all, err := p.client.Applications(p.t.Context(), api.ApplicationQuery{})
		if err != nil {
			return false
		}
		for _, a := range all.Items {
			if a.ExternalID == external && !a.SeenAt.IsZero() {
				return true
			}
		}
		return false
	}, "it was never read")
}

func TestQuestion_IsAskedAnsweredAndTheChosenOneIsFollowed(t *testing.T) {
	t.Parallel()
	p, b := newPageWorld(t), browser.OpenWithoutScripts(t)
	c := p.enterByAPI()
	e := p.ats.Employers[0]
	p.link0(c)
	b.Go(p.page + "/which")
	b.Sees("No open question")
	b.Look("connect-9-no-question")

	p.submit(c.ID, "job-frontend", 0, 1)
	p.seen("job-frontend-00000")
	ids, sub := p.lose(c, "job-frontend-00000")
	require.True(t, hasEvent(p.world, c.ID, "job-frontend-00000", `"question":"The candidate is in the ATS`))
	q, err := p.client.Question(t.Context(), sub)
	require.NoError(t, err)
	require.Len(t, q.Choices, 2)
	require.Equal(t, fmt.Sprint(ids[0]), q.Choices[0].ApplicationID)
	require.Equal(t, e.Jobs[2].Name, q.Choices[0].JobName)
	_, err = p.client.Answer(t.Context(), sub, api.AnswerBody{ApplicationID: "1", Version: q.Version})
	require.ErrorContains(t, err, fmt.Sprint(ids[1]), "what is there is named")
	a, err := p.client.Answer(t.Context(), sub, api.AnswerBody{ApplicationID: fmt.Sprint(ids[1]), Version: q.Version})
	require.NoError(t, err)
	require.Equal(t, atssync.Visible, a.Visibility)
	_, err = p.client.Answer(t.Context(), sub, api.AnswerBody{None: true, Version: a.Version})
	require.ErrorContains(t, err, "no open question")
	require.True(t, hasEvent(p.world, c.ID, "job-frontend-00000", fmt.Sprintf(`"application_id":"%d"`, ids[1])))
	p.ats.do(http.MethodPost, "/employers/"+e.Name+"/move", map[string]any{"application_id": ids[1], "stage": "Phone Screen"}, nil)
	p.eventually(20*time.Second, func() bool {
		_, _ = p.client.RunNow(t.Context(), "status")
		return hasEvent(p.world, c.ID, "job-frontend-00000", `"phase":"screen"`)
	}, "the status of the chosen one did not come back")

	p.submit(c.ID, "job-frontend", 1, 1)
	p.seen("job-frontend-00001")
	ids, sub = p.lose(c, "job-frontend-00001")
	b.Go(p.page)
	b.Sees("A question is waiting for you")
	b.Look("connect-9-status")
	b.Go(p.page + "/which")
	b.Sees("Ada Example 1")
	b.Sees(e.Jobs[3].Name)
	b.Look("connect-9-which")
	b.Follow("Save: Ada Example 1, " + e.Jobs[1].Name)
	b.Sees("Please choose one")
	b.Look("connect-9-refused")
	b.Click(fmt.Sprintf(`input[value="is:%d"]`, ids[0]))
	b.Follow("Save: Ada Example 1, " + e.Jobs[1].Name)
	b.Sees("It is followed")
	b.Sees("No open question")
	a, err = p.client.Application(t.Context(), sub)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(ids[0]), a.ApplicationID)
	p.end(b)
}

func TestQuestion_NoneOfThemIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	p := newPageWorld(t)
	c := p.enterByAPI()
	p.link0(c)
	p.submit(c.ID, "job-frontend", 0, 1)
	p.seen("job-frontend-00000")
	_, sub := p.lose(c, "job-frontend-00000")
	a, err := p.client.Application(t.Context(), sub)
	require.NoError(t, err)
	a, err = p.client.Answer(t.Context(), sub, api.AnswerBody{None: true, Version: a.Version})
	require.NoError(t, err)
	require.Equal(t, atssync.NotVisible, a.Visibility)
	// It is read again after a day; what exactly one application on the linked job means then is held by the domain's tests.
	p.kill()
	p.start()
	again, err := p.client.Application(t.Context(), sub)
	require.NoError(t, err)
	require.Equal(t, a, again, "it is kept")
	open, err := p.client.Applications(t.Context(), api.ApplicationQuery{Question: true})
	require.NoError(t, err)
	require.Empty(t, open.Items)
	p.end()
}
