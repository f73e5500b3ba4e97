package connectpage

import (
	"net/http"

	"github.com/atssync/atssync/daemon/internal/page"
)

// step is one of the steps on the way to a working connection.
type step struct {
	Text, URL string
	Done      bool
	Current   bool
}

// steps are the whole way, seen from step n; 0 is none of them.
func (v *visit) steps(n int) []step {
	out := []step{
		{Text: "Before you connect", URL: v.base},
		{Text: "Make the key", URL: v.at("key")},
		{Text: "Connect", URL: v.at("credentials")},
		{Text: "Connect jobs", URL: v.at("jobs")},
		{Text: "Test", URL: v.at("test")},
	}
	for i := range out {
		out[i].Current, out[i].Done = i+1 == n, i+1 < n
		if v.conn == nil && i > 2 {
			out[i].URL = "" // not yet
		}
	}
	return out
}

// naming is what every page needs to name things by.
type naming struct {
	ATS, Platform, Partner string
	Base, Return           string
	Steps                  []step
	Support                page.Platform // whom to ask
}

func (v *visit) naming(n int) naming {
	out := naming{ATS: v.adapter.Label, Platform: v.Platform.Name, Partner: v.PartnerName, Base: v.base, Return: v.link.ReturnURL, Support: v.Platform}
	if n > 0 {
		out.Steps = v.steps(n)
	}
	return out
}

// begin is the first page: what will happen, or how things stand once there is a connection.
func (v *visit) begin() error {
	if v.conn != nil {
		return v.status()
	}
	return v.write(http.StatusOK, "begin", page.View{
		Title: "Connect " + v.adapter.Label + " with " + v.Platform.Name,
		Lead:  "Applications reach your recruiters where they work, and their decisions come back. It takes about five minutes.",
		Data: struct {
			naming
			Prospects bool
		}{v.naming(1), v.adapter.Prospects},
	})
}

// makeKey tells how the key is made, with the names of the ATS's own screens.
func (v *visit) makeKey() error {
	n := 2
	if v.conn != nil {
		n = 0
	}
	return v.write(http.StatusOK, "key", page.View{
		Title: "Make the key in " + v.adapter.Label,
		Lead:  "Keep this page open beside " + v.adapter.Label + " and follow it step by step.",
		Data: struct {
			naming
			How []string
		}{v.naming(n), v.adapter.Steps},
	})
}
