package console

import (
	"strconv"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

// submissionView is one application: what is known of it, and what happened, in order.
type submissionView struct {
	manage.Story
	Steps    []step
	Acts     []actButton
	Resolve  bool
	Opened   bool // the document and the notes are shown
	MayOpen  bool
	Standing *standingView
}

type actButton struct {
	Act, Label, Help string
	Danger           bool
}

// standingView is the status in the ATS, and how it was made of the ATS's words.
type standingView struct {
	atssync.Application
	How string
}

func (c *Console) submission(v *visit) error { return v.story(false) }

// openSubmission shows the document and the notes too. It is a form and no address, so that what is personal is opened by
// whoever means to, and each time is in the audit record.
func (c *Console) openSubmission(v *visit) error { return v.story(true) }

func (v *visit) story(open bool) error {
	s, err := v.m.Story(v.ctx(), v.r.PathValue("submission"), open)
	if err != nil {
		return err
	}
	v.narrow(&s)
	out := submissionView{Story: s, Steps: stepsOf(s), Acts: v.actButtons(s), Resolve: s.Uncertain && v.who.may(admins), Opened: open}
	out.MayOpen = !open && s.ErasedAt.IsZero()
	if a := s.Application; a != nil {
		out.Standing = &standingView{Application: *a, How: mappingWords(a.Mapping)}
	}
	return v.show("submission", page.View{
		Title: "Application " + s.ExternalID, Lead: s.ID, Trail: append(v.trail("Applications", "/submissions"), page.Link{Text: s.Connection.Name, URL: v.path("/connections/" + s.Connection.ID)}),
		Data: out,
	})
}

// narrow leaves out what the caller could not ask the API for: who only submits sees what became of it and not what was told,
// deliveries are for those who see everything, and the audit record for its administrators.
func (v *visit) narrow(s *manage.Story) {
	if !v.who.may(adminsAll) {
		s.People = nil
	}
	if !v.who.may(readsAll) {
		s.Deliveries = nil
	}
	if !v.who.may(reads) {
		s.Events, s.Job, s.PlatformJob = nil, nil, nil
		s.Connection.Name = s.Connection.ID
	}
}

// actButtons are the acts that are lawful now and that the caller may do.
func (v *visit) actButtons(s manage.Story) []actButton {
	var out []actButton
	for _, a := range s.Acts {
		b := actButton{Act: string(a)}
		need := admins
		switch a {
		case atssync.ActHold:
			b.Label, b.Help = "Hold", "It waits until somebody releases it."
		case atssync.ActRelease:
			b.Label, b.Help = "Release", "It is judged again: it is sent, or held for what stands in the way."
		case atssync.ActRetry:
			b.Label, b.Help = "Try again now", "Without waiting for its turn."
			if s.State == atssync.StateRefused {
				b.Help = "It is judged again, as it is."
			}
		case atssync.ActCancel:
			b.Label, b.Help, b.Danger = "Cancel", "It is not sent. The platform is told.", true
			need = submits
		}
		if v.who.may(need) {
			out = append(out, b)
		}
	}
	return out
}

// act does one act to one application.
func (c *Console) act(v *visit) error {
	kind := atssync.ActKind(v.r.PostForm.Get("act"))
	if kind != atssync.ActCancel {
		if err := v.who.admit(admins); err != nil {
			return err
		}
	}
	id := v.r.PathValue("submission")
	if _, err := v.m.Act(v.ctx(), id, kind); err != nil {
		return err
	}
	return v.back("/submissions/"+id, "acted")
}

// resolve settles an uncertain application.
func (c *Console) resolve(v *visit) error {
	id := v.r.PathValue("submission")
	req := manage.ResolveRequest{ID: id, Action: atssync.Resolution(v.r.PostForm.Get("action"))}
	req.Attempt, _ = strconv.Atoi(v.r.PostForm.Get("attempt")) // none is refused where it counts
	if req.Action == atssync.ResolvedSubmitted {
		req.ProfileURL = v.r.PostForm.Get("profile_url")
	}
	if _, err := v.m.Resolve(v.ctx(), req); err != nil {
		return err
	}
	return v.back("/submissions/"+id, "resolved")
}

func mappingWords(m atssync.Mapping) string {
	switch m {
	case atssync.MappingNative:
		return "the ATS says it in these words"
	case atssync.MappingDeclared:
		return "by the adapter’s table"
	case atssync.MappingOverride:
		return "by an override of this connection"
	case atssync.MappingInferred:
		return "inferred from the name of the stage"
	}
	return "nothing was read of it yet"
}
