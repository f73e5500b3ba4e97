package console

import (
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/page"
)

// adaptersView is the adapter programs and how their processes are.
type adaptersView struct {
	Adapters []manage.Adapter
	Whole    bool
	Version  string // the daemon's
}

func (c *Console) adapters(v *visit) error {
	list, err := v.shownAdapters()
	if err != nil {
		return err
	}
	return v.show("adapters", page.View{
		Title: "Adapters", Lead: "The programs that speak to applicant tracking systems, one process each.",
		Data: adaptersView{Adapters: list, Whole: v.who.may(adminsAll), Version: c.Version},
	})
}

// shownAdapters leaves out how the processes run, for callers who look after some accounts and not after the daemon.
func (v *visit) shownAdapters() ([]manage.Adapter, error) {
	list, err := v.m.Adapters(v.ctx())
	if err != nil || v.who.may(adminsAll) {
		return list, err
	}
	for i := range list {
		a := &list[i]
		a.Path, a.PID, a.Restarts, a.Error, a.Stderr, a.Problems = "", 0, 0, "", nil, nil
	}
	return list, nil
}
