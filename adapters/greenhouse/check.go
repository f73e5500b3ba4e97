package main

import (
	"context"
	"fmt"
	"strings"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// user is GET current_user.
type user struct {
	ID        rest.ID   `json:"id"`
	FullName  rest.Text `json:"full_name"`
	FirstName rest.Text `json:"first_name"`
	LastName  rest.Text `json:"last_name"`
	Email     rest.Text `json:"email"`
}

func (u user) name() string {
	if u.FullName != "" {
		return string(u.FullName)
	}
	return strings.TrimSpace(string(u.FirstName) + " " + string(u.LastName))
}

// Check implements sdk.Adapter. It asks for the acting user, then for its jobs and pools. One thing it cannot
// find: a user who may send but not read passes everything here, and shows only when the first application
// is read back.
func (a *adapter) Check(ctx context.Context, req sdk.CheckRequest) (sdk.CheckReply, error) {
	reply := sdk.CheckReply{JobsVisible: -1}
	if base, err := baseURL(req.Connection); err == nil {
		reply.Host = base.Host // with its port: two of them on one machine are two
	}
	s, err := a.open(req.Connection)
	if err != nil {
		reply.Items = []sdk.CheckItem{failed("settings", "The connection is complete", err)}
		return reply, nil
	}
	if err := s.check(ctx, partner(req.PartnerName), &reply); err != nil {
		return sdk.CheckReply{}, err
	}
	reply.Meta = s.meta
	return reply, nil
}

// check adds its findings to reply. An error means that Greenhouse could not be asked.
func (s *session) check(ctx context.Context, partner string, reply *sdk.CheckReply) error {
	var me user
	answer, err := s.get(ctx, pathCurrentUser, "", &me)
	if err != nil {
		item, err := s.refusedCredentials(partner, answer, err)
		if err != nil {
			return err
		}
		reply.Items = append(reply.Items, item)
		return nil
	}
	reply.ActingUser = sdk.User{ID: string(me.ID), Name: me.name(), Email: string(me.Email)}
	reply.Items = append(reply.Items,
		sdk.CheckItem{ID: "credentials", Label: "Greenhouse accepts the key and the user", OK: true}, s.actingUser(me))
	if err := s.checkJobs(ctx, reply); err != nil {
		return err
	}
	return s.checkProspects(ctx, reply)
}

// refusedCredentials turns the refusal of the first request into words. Greenhouse answers alike to a wrong
// key, a key of the wrong kind and a wrong user, so that all are named with the way to tell them apart.
func (s *session) refusedCredentials(partner string, answer rest.Reply, err error) (sdk.CheckItem, error) {
	const label = "Greenhouse accepts the key and the user"
	e := sdk.AsError(err)
	item := failed("credentials", label, err)
	switch e.Kind {
	case sdk.KindAuth:
		item.Cause = "Greenhouse refuses the API key together with the user: the key is wrong, revoked or of another kind, " +
			"or no active user has this e-mail address; Greenhouse does not say which."
		item.Remedy = fmt.Sprintf("Look at the key in Configure > Dev Center > API Credential Management: its type has to be Candidate Ingestion "+
			"(Partner on older screens; a Harvest key does not work) and its partner %s. If that is so, compare the e-mail address with "+
			"the user's log-in and see that the user is active. If a newly made key is refused too, it is the user.", partner)
	case sdk.KindPermission:
		item.Cause = "Greenhouse knows the key or the user but permits neither to use the partner API: most often the key is of another kind, " +
			"such as Harvest, or the user was disabled."
		item.Remedy = fmt.Sprintf("Make a new key of the type Candidate Ingestion with the partner %s; if it is refused too, "+
			"ask a Site Admin to look at the user.", partner)
	case sdk.KindNotFound:
		item.Cause = "At this address there is no partner API of Greenhouse."
	default:
		return sdk.CheckItem{}, e
	}
	if item.Kind != sdk.KindNotFound && hintsAtHarvest(answer.Problems) {
		item.Cause = "Greenhouse says that this key is not made for the partner API: it is a Harvest key or another wrong kind."
	}
	return item, nil
}

// hintsAtHarvest looks for what Greenhouse says about a key of another kind. It only chooses among words for a
// person; nothing is decided by it.
func hintsAtHarvest(problems []rest.Problem) bool {
	for _, p := range problems {
		m := strings.ToLower(p.Message)
		if strings.Contains(m, "harvest") || strings.Contains(m, "permission for this endpoint") {
			return true
		}
	}
	return false
}

// actingUser compares the address that was typed with the one that answered.
func (s *session) actingUser(me user) sdk.CheckItem {
	item := sdk.CheckItem{ID: "acting_user", Label: "The user is the one that was entered", OK: true}
	if me.Email != "" && !strings.EqualFold(strings.TrimSpace(string(me.Email)), s.actor) {
		item.OK, item.Warning, item.Kind, item.Turn = false, true, sdk.KindConfigRequired, sdk.TurnEmployer
		item.Cause = "Greenhouse answers for a user with another e-mail address than the one entered."
		item.Remedy = "Enter the address that Greenhouse shows for this user; the old one may stop working without notice."
	}
	return item
}

func (s *session) checkJobs(ctx context.Context, reply *sdk.CheckReply) error {
	const label = "The user sees jobs"
	var jobs rest.Elements[job] // only counted
	_, err := s.list(ctx, pathJobs, "", &jobs)
	if err != nil {
		if !refusal(err) {
			return err
		}
		reply.Items = append(reply.Items, failed("jobs", label, err))
		return nil
	}
	reply.JobsVisible = len(jobs)
	item := sdk.CheckItem{ID: "jobs", Label: label, OK: true}
	if len(jobs) == 0 {
		item.OK, item.Warning, item.Kind, item.Turn = false, true, sdk.KindPermission, sdk.TurnEmployer
		item.Cause = "The user sees no open job: there is none, all are drafts, closed or confidential, or the user is assigned to none."
		item.Remedy = "In Greenhouse, make the user Job Admin on the jobs to connect, or Site Admin."
	}
	reply.Items = append(reply.Items, item)
	return nil
}

// checkProspects only warns: who submits candidates needs no pools.
func (s *session) checkProspects(ctx context.Context, reply *sdk.CheckReply) error {
	const label = "Prospects can be sent"
	var pools rest.List[pool]
	_, err := s.list(ctx, pathPools, "", &pools)
	if err != nil && !refusal(err) {
		return err
	}
	item := sdk.CheckItem{ID: "prospects", Label: label, OK: true}
	if err != nil {
		item = failed("prospects", label, err)
		item.Warning = true
		item.Cause = "Greenhouse does not show its prospect pools to this user: the organisation may have no prospects, or the user may not manage them."
		item.Remedy = "Nothing has to be done while applications go in as candidates; for prospects, ask a Site Admin to enable them " +
			"and to grant “Can manage unattached prospects”."
	}
	reply.Items = append(reply.Items, item)
	return nil
}

// refusal reports whether Greenhouse answered and said no, as opposed to not having been reached.
func refusal(err error) bool {
	switch sdk.KindOf(err) {
	case sdk.KindAuth, sdk.KindPermission, sdk.KindNotFound, sdk.KindInvalid, sdk.KindUnsupported:
		return true
	default:
		return false
	}
}

// failed is the finding that err makes.
func failed(id, label string, err error) sdk.CheckItem {
	e := sdk.AsError(err)
	return sdk.CheckItem{ID: id, Label: label, Kind: e.Kind, Cause: e.Message, Turn: e.Turn, Remedy: e.Remedy}
}
