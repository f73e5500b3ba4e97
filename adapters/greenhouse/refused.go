package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// refusedSubmission says what a refused POST of a candidate means. Only the status and the fields that Greenhouse
// names decide; its texts may change at any time and are for people to read.
func refusedSubmission(err error, d *document, answer rest.Reply) *sdk.Error {
	e := sdk.AsError(err)
	switch e.Kind {
	case sdk.KindPermission:
		return forbidden(e, d, answer)
	case sdk.KindNotFound:
		return aboutJobOr(e, d.JobID != "")
	case sdk.KindInvalid:
		return invalid(e, d)
	case sdk.KindDuplicate:
		return duplicate(e)
	default:
		return sdk.AsError(explain(e))
	}
}

// forbidden tells three refusals apart that share a status. A prospect of no job is open to every user, so that
// only an organisation without prospects refuses it; with a job it may be either.
func forbidden(e *sdk.Error, d *document, answer rest.Reply) *sdk.Error {
	switch {
	case d.Prospect && (d.JobID == "" || names(answer.Problems, "prospect")):
		return noProspects(e)
	case d.JobID != "":
		e.Subject, e.Turn = sdk.SubjectJob, sdk.TurnEmployer
		e.Message = "Greenhouse does not let the acting user put anybody on this job"
		e.Remedy = "Ask a Site Admin of Greenhouse to make the acting user Job Admin on this job, or Site Admin."
		if d.Prospect {
			e.Message += " as a prospect"
			e.Remedy += " If the organisation has no prospects, switch the job link to candidate."
		}
		return e
	default:
		return sdk.AsError(explain(e))
	}
}

func noProspects(e *sdk.Error) *sdk.Error {
	e.Kind, e.Turn, e.Subject, e.Fields = sdk.KindConfigRequired, sdk.TurnEmployer, sdk.SubjectPool, nil
	e.Message = "Greenhouse takes no prospects from this organisation"
	e.Remedy = "Switch the job link to candidate, or have a Site Admin of Greenhouse enable prospects."
	return e
}

// aboutJob explains a refusal of a call whose only argument is a job.
func aboutJob(answer rest.Reply, err error) *sdk.Error {
	e := sdk.AsError(err)
	return aboutJobOr(e, e.Kind == sdk.KindNotFound || e.Kind == sdk.KindInvalid && names(answer.Problems, "job_id"))
}

// aboutJobOr makes e say that the job is not there for us. Closed, unknown and hidden jobs look alike.
func aboutJobOr(e *sdk.Error, job bool) *sdk.Error {
	if !job {
		return sdk.AsError(explain(e))
	}
	e.Kind, e.Subject, e.Turn, e.Fields = sdk.KindNotFound, sdk.SubjectJob, sdk.TurnEmployer, nil
	e.Message = "Greenhouse does not take anybody on this job: it is closed, or the acting user does not see it"
	e.Remedy = "Connect the job to an open one, or ask a Site Admin of Greenhouse to give the acting user access to it."
	return e
}

// invalid sorts the fields that Greenhouse refuses. One that belongs to the job link is no fault of the
// submission and weighs more than the others.
func invalid(e *sdk.Error, d *document) *sdk.Error {
	var roots []string
	for _, f := range e.Fields {
		root, _, _ := splitField(f.Path)
		roots = append(roots, root)
	}
	only := func(root string) bool {
		return len(roots) > 0 && !slices.ContainsFunc(roots, func(r string) bool { return r != root })
	}
	switch {
	case slices.Contains(roots, "job_id") && d.JobID != "":
		return aboutJobOr(e, true)
	case slices.Contains(roots, "prospect"):
		return noProspects(e)
	case slices.Contains(roots, "prospect_pool_id"), slices.Contains(roots, "prospect_pool_stage_id"):
		pool := notAPool()
		pool.Status, pool.Meta = e.Status, e.Meta
		return pool
	case slices.Contains(roots, "prospect_owner_email"):
		e.Kind, e.Subject, e.Turn, e.Fields = sdk.KindConfigRequired, sdk.SubjectUser, sdk.TurnEmployer, nil
		e.Message = "Greenhouse has no user with the e-mail address that the job link names as the owner of prospects"
		e.Remedy = "Enter the address of an active Greenhouse user as the owner, or none."
		return e
	case only("external_id"):
		// We sent an id, and nothing about its form is documented: it can only be known already.
		return duplicate(e)
	case only("resume"):
		e.Kind = sdk.KindAttachment
		e.Message = "Greenhouse does not take the resume from the address it was given"
		e.Remedy = "Give an https address that answers without a log-in, with a doc, docx, pdf, rtf or txt file of at most 100 MB."
	default:
		e.Message = "Greenhouse refuses the data of this submission"
		e.Remedy = "Correct the fields that are named and send the submission again."
	}
	for i := range e.Fields {
		e.Fields[i].Path = d.path(e.Fields[i].Path)
	}
	return e
}

func duplicate(e *sdk.Error) *sdk.Error {
	e.Kind, e.Turn = sdk.KindDuplicate, sdk.TurnEmployer
	e.Fields = []sdk.FieldError{{Path: "external_id", Code: "duplicate", Message: "Greenhouse has it already."}}
	e.Message = "Greenhouse says that it has this application already, without saying where"
	e.Remedy = "Look for the person in Greenhouse and give the address of the profile; then its status can be followed."
	return e
}

// names reports whether Greenhouse blames a field.
func names(problems []rest.Problem, field string) bool {
	return slices.ContainsFunc(problems, func(p rest.Problem) bool {
		root, _, _ := splitField(p.Field)
		return root == field
	})
}

// fieldName is how a field of the POST may be written: "emails", "emails[0].type", "emails.0.type", or with the
// index of a document in front.
var fieldName = regexp.MustCompile(`^(?:\[\d+\]\.?)?([a-z_]+)(?:[\[.](\d+)\]?)?(?:\.([a-z_]+))?$`)

// splitField takes a field of Greenhouse's apart; index is -1 when it has none, root "" when it is no field.
func splitField(field string) (root string, index int, member string) {
	m := fieldName.FindStringSubmatch(strings.ToLower(field))
	if m == nil {
		return "", -1, ""
	}
	index, err := strconv.Atoi(m[2])
	if err != nil {
		index = -1
	}
	return m[1], index, m[3]
}

// paths gives the submission document's name for each field of the POST; Greenhouse also writes some in the singular.
var paths = map[string]string{
	"external_id": "external_id", "job_id": "job", "notes": "notes", "resume": "resume.url",
	"first_name": "person.first_name", "last_name": "person.last_name", "company": "person.company", "title": "person.title",
	"phone_numbers": "person.phones", "phone_number": "person.phones",
	"emails": "person.emails", "email": "person.emails",
	"addresses": "person.addresses", "address": "person.addresses",
	"social_media": "person.links", "websites": "person.links", "website": "person.links",
	"referrer": "referrer",
}

// members does the same for the members of a list's elements; type and url are called alike.
var members = map[string]string{"phone_number": "number", "email": "address", "address": "text"}

// path translates a field of Greenhouse's. What is not known keeps its own name.
func (d *document) path(field string) string {
	root, index, member := splitField(field)
	path, ok := paths[root]
	if !ok {
		return field
	}
	if index >= 0 && index < len(d.origin[root]) {
		path += "[" + strconv.Itoa(d.origin[root][index]) + "]"
	}
	if member == "" {
		return path
	}
	if m, ok := members[member]; ok && root != "referrer" {
		member = m
	}
	return path + "." + member
}
