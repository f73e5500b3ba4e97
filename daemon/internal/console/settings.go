package console

import (
	"errors"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// settingsView is the form of a connection's settings.
type settingsView struct {
	ID      string
	Version int64
	Fields  []page.Field
	Choices []page.Choices
	Note    noteField
	Repair  bool             // credentials are entered, too
	Reached *atssync.Reached // another one than before, that may be meant
}

type noteField struct{ Value, Error string }

func (c *Console) settingsPage(v *visit) error {
	one, err := v.m.Connection(v.ctx(), v.r.PathValue("connection"))
	if err != nil {
		return err
	}
	return v.settingsForm(one, settingsOf(one, v.manifestOf(one)), nil)
}

// manifestOf is what the adapter of a connection says of itself, nil when it does not run.
func (v *visit) manifestOf(one manage.Connection) *manage.Manifest {
	a, err := v.m.Adapter(v.ctx(), one.Adapter)
	if err != nil {
		return nil
	}
	return a.Manifest
}

// fieldPrefix begins the names of inputs for the adapter's own fields.
const fieldPrefix = "fields."

func settingsOf(one manage.Connection, m *manage.Manifest) settingsView {
	out := settingsView{ID: one.ID, Version: one.Version, Note: noteField{Value: one.NoteTemplate}}
	out.Fields = []page.Field{
		{Name: "name", Label: "Name", Value: one.Name, Help: "A label. The id stays."},
		{Name: "last_name_fallback", Label: "Last name of those who have none", Value: one.LastNameFallback, Optional: true, Help: "Without one, an application without a last name is refused."},
	}
	if m != nil {
		for _, f := range m.Fields {
			if f.Secret || f.Who == sdk.WhoOperator {
				continue // credentials are given by a repair, and the operator's values at the command line
			}
			out.Fields = append(out.Fields, page.Field{
				Name: fieldPrefix + f.Name, Label: f.Label, Value: one.Settings[f.Name], Help: f.Help, Optional: !f.Required, Placeholder: f.Default,
			})
		}
	}
	out.Choices = []page.Choices{
		{Name: "on_uncertain", Legend: "When nobody knows whether the ATS took an application", Of: []page.Choice{
			{Value: string(atssync.OnUncertainHold), Label: "Ask a person", Help: "Nothing is sent twice."},
			{Value: string(atssync.OnUncertainResend), Label: "Send it again", Help: "Only where the ATS finds or recognises what it has."},
		}},
		{Name: "resume_check", Legend: "A look at the resume’s address before an application is sent", Of: []page.Choice{
			{Value: string(atssync.ResumeCheckAnswered), Label: "Hold it for a bad answer", Help: "An address that cannot be reached from this machine is a warning."},
			{Value: string(atssync.ResumeCheckStrict), Label: "Hold it for any trouble"},
			{Value: string(atssync.ResumeCheckOff), Label: "Do not look"},
		}},
	}
	check(out.Choices[0].Of, string(one.OnUncertain))
	check(out.Choices[1].Of, string(one.ResumeCheck))
	return out
}

func check(of []page.Choice, value string) {
	for i := range of {
		of[i].Checked = of[i].Value == value
	}
}

func (v *visit) settingsForm(one manage.Connection, form settingsView, wrong *atssync.Error) error {
	view := page.View{Title: "Settings", Lead: one.Name, Trail: v.connectionTrail(one), Data: form}
	if form.Repair {
		view.Title = "New credentials"
	}
	status := 200
	if wrong != nil {
		form.mark(wrong.Fields)
		view.Data, status = form, statuses[wrong.Code]
		view.Message = &page.Message{Kind: page.KindBad, Title: "Nothing was saved", Text: sentence(plain{wrong}) + " " + wrong.Remedy}
		for _, c := range failed(wrong.Checks) {
			view.Message.Items = append(view.Message.Items, page.Link{Text: c.Cause, Note: turnWords(c.WhoseTurn) + ": " + c.Remedy})
		}
		for _, f := range wrong.Fields {
			view.Message.Items = append(view.Message.Items, page.Link{Text: form.label(f.Path) + " " + f.Message, URL: "#" + page.Anchor(f.Path)})
		}
	}
	if status == 0 {
		status = 409
	}
	return v.showAs(status, "settings", view)
}

// mark puts what is wrong beside the fields that it is about.
func (f *settingsView) mark(problems []atssync.FieldError) {
	for _, p := range problems {
		for i := range f.Fields {
			if f.Fields[i].Name == p.Path {
				f.Fields[i].Error = p.Message
			}
		}
		for i := range f.Choices {
			if f.Choices[i].Name == p.Path {
				f.Choices[i].Error = p.Message
			}
		}
		if p.Path == "note_template" {
			f.Note.Error = p.Message
		}
	}
}

// label is what a field is called on the page.
func (f *settingsView) label(path string) string {
	for _, one := range f.Fields {
		if one.Name == path {
			return one.Label
		}
	}
	return words(path)
}

// keep puts back what was entered, but for secrets.
func (f *settingsView) keep(value func(string) string) {
	for i := range f.Fields {
		if f.Fields[i].Type != "password" {
			f.Fields[i].Value = value(f.Fields[i].Name)
		}
	}
	for i := range f.Choices {
		check(f.Choices[i].Of, value(f.Choices[i].Name))
	}
	f.Note.Value = value("note_template")
}

func (c *Console) settings(v *visit) error {
	one, err := v.m.Connection(v.ctx(), v.r.PathValue("connection"))
	if err != nil {
		return err
	}
	version, err := v.version()
	if err != nil {
		return err
	}
	form, m := v.r.PostForm.Get, v.manifestOf(one)
	name, last, note := form("name"), form("last_name_fallback"), unix(form("note_template"))
	policy, look := atssync.OnUncertain(form("on_uncertain")), atssync.ResumeCheck(form("resume_check"))
	req := manage.UpdateRequest{
		Version: version, Name: &name, LastNameFallback: &last, NoteTemplate: &note, OnUncertain: &policy, ResumeCheck: &look,
		Fields: changedFields(one, settingsOf(one, m), form),
	}
	_, err = v.m.Update(v.ctx(), one.ID, req)
	if e, ok := errors.AsType[*atssync.Error](err); ok {
		again := settingsOf(one, m)
		again.keep(form)
		again.Version = version
		return v.settingsForm(one, again, v.who.within().Shown(e))
	}
	if err != nil {
		return err
	}
	return v.back(v.of(""), "saved")
}

// changedFields are the adapter's own fields that the form gives another value.
func changedFields(one manage.Connection, form settingsView, value func(string) string) map[string]sdk.Secret {
	out := make(map[string]sdk.Secret)
	for _, f := range form.Fields {
		name, own := cut(f.Name)
		if v := value(f.Name); own && v != one.Settings[name] {
			out[name] = sdk.Secret(v)
		}
	}
	return out
}

func (c *Console) repairPage(v *visit) error {
	one, err := v.m.Connection(v.ctx(), v.r.PathValue("connection"))
	if err != nil {
		return err
	}
	form, err := v.repairForm(one)
	if err != nil {
		return err
	}
	return v.settingsForm(one, form, nil)
}

// repairForm asks for the credentials and settings that the employer gives.
func (v *visit) repairForm(one manage.Connection) (settingsView, error) {
	m := v.manifestOf(one)
	if m == nil {
		return settingsView{}, atssync.Errorf(atssync.CodeAdapter, "the adapter %s is not running", one.Adapter).WithRemedy("see why on the page of adapters")
	}
	out := settingsView{ID: one.ID, Version: one.Version, Repair: true}
	for _, f := range m.Fields {
		if f.Who == sdk.WhoOperator {
			continue
		}
		field := page.Field{Name: fieldPrefix + f.Name, Label: f.Label, Help: f.Help, Optional: true, Value: one.Settings[f.Name]}
		if f.Secret {
			field.Type, field.Value, field.Auto = "password", "", "new-password"
		}
		if f.Where != "" {
			field.Help = f.Help + " In the ATS: " + f.Where + "."
		}
		out.Fields = append(out.Fields, field)
	}
	return out, nil
}

func (c *Console) repair(v *visit) error {
	one, err := v.m.Connection(v.ctx(), v.r.PathValue("connection"))
	if err != nil {
		return err
	}
	version, err := v.version()
	if err != nil {
		return err
	}
	form, err := v.repairForm(one)
	if err != nil {
		return err
	}
	req := manage.RepairRequest{Version: version, Fields: make(map[string]sdk.Secret), OtherAccount: v.r.PostForm.Get("other_account")}
	for _, f := range form.Fields {
		name, _ := cut(f.Name)
		if value := v.r.PostForm.Get(f.Name); value != "" && value != one.Settings[name] {
			req.Fields[name] = sdk.Secret(value)
		}
	}
	_, err = v.m.Repair(v.ctx(), one.ID, req)
	if e, ok := errors.AsType[*atssync.Error](err); ok {
		form.keep(v.r.PostForm.Get)
		form.Version, form.Reached = version, e.Reached
		return v.settingsForm(one, form, v.who.within().Shown(e))
	}
	if err != nil {
		return err
	}
	return v.back(v.of(""), "repaired")
}
