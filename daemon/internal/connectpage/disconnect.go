package connectpage

import (
	"net/http"
	"strconv"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

// leavingPage asks before a connection is ended.
type leavingPage struct {
	naming
	Connection manage.Connection
	Activity   manage.Activity
	Error      string
	ReadOnly   bool
}

func (v *visit) leaving() error {
	if err := v.connected(); err != nil {
		return err
	}
	return v.showLeaving(http.StatusOK, "", nil)
}

func (v *visit) showLeaving(status int, wrong string, m *page.Message) error {
	a, err := v.ours.Activity(v.ctx, v.conn.ID)
	if err != nil {
		return err
	}
	return v.write(status, "disconnect", page.View{
		Title: "Disconnect " + v.adapter.Label + "?", Trail: []page.Link{{Text: "Status", URL: v.base}}, Message: m,
		Data: leavingPage{naming: v.naming(0), Connection: *v.conn, Activity: a, Error: wrong, ReadOnly: v.conn.ManagedBy == atssync.ManagedByFile},
	})
}

// disconnect ends the connection after a yes.
func (v *visit) disconnect() error {
	if err := v.connected(); err != nil {
		return err
	}
	if err := v.form(); err != nil {
		return err
	}
	if v.r.PostFormValue("yes") != "yes" {
		return v.showLeaving(http.StatusUnprocessableEntity, "Please tick the box if this is what you want.", nil)
	}
	version, err := strconv.ParseInt(v.r.PostFormValue("version"), 10, 64)
	if err != nil {
		version = -1 // of none
	}
	if _, err := v.ours.Remove(v.ctx, v.conn.ID, version); err != nil {
		e := asError(err)
		if e == nil || e.Code != atssync.CodeChanged && e.Code != atssync.CodeForbidden {
			return err
		}
		m := &page.Message{Kind: page.KindWarn, Title: "Somebody else changed the connection meanwhile", Text: "Nothing was ended. If you still want to, tick the box and press the button again."}
		if e.Code == atssync.CodeForbidden {
			m = &page.Message{Kind: page.KindBad, Title: "This connection is kept elsewhere", Text: v.Platform.Name + " keeps it in a configuration of its own, and can end it for you."}
		}
		return v.showLeaving(http.StatusConflict, "", m)
	}
	page.Back(v.w, v.r, v.base, "disconnected")
	return nil
}
