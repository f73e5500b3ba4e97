package support

import (
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/api"
)

// roster says what stands for whom. Ids that the daemon made tell nothing and stay, so that the operator finds what is meant;
// whatever people named has a number in its place: accounts in the order of their names, connections and webhooks of the file
// in that of the file.
type roster struct {
	connections, accounts, webhooks, hosts map[string]string
	adapters                               map[string]bool
	secrets                                []string
	names                                  map[string]string // for free text
}

const (
	unknown   = "unknown"
	nobody    = "the platform" // what the platform is called when the config does not say
	ourselves = "atssync"
)

// newRoster meets everybody whom the config and the daemon know. Either may be nil or empty.
func newRoster(c *config.Config, d *daemonView) *roster {
	r := &roster{
		connections: map[string]string{}, accounts: map[string]string{}, webhooks: map[string]string{}, hosts: map[string]string{},
		adapters: map[string]bool{}, names: map[string]string{},
	}
	accounts := map[string]bool{}
	if c != nil {
		r.meetConfig(c, accounts)
	}
	public := map[string]bool{"": true} // where an adapter goes by itself is no employer's
	for _, a := range d.adapters {
		r.adapters[a.Name] = true
		if a.Manifest == nil {
			continue
		}
		for _, f := range a.Manifest.Fields {
			public[hostOf(f.Default)] = true
		}
	}
	for i := range d.connections {
		con := &d.connections[i]
		stands := r.thing(r.connections, con.ID, "file-connection")
		accounts[con.Account] = true
		r.call(con.Name, stands)
		r.call(con.AccountName, stands+"-ats-account")
		r.call(con.ActingUser.ID, stands+"-acting-user")
		r.call(con.ActingUser.Name, stands+"-acting-user")
		r.call(con.ActingUser.Email, stands+"-acting-user")
		if !public[con.Host] {
			r.thing(r.hosts, con.Host, "ats-host")
		}
	}
	for i := range d.webhooks {
		w := &d.webhooks[i]
		stands := r.thing(r.webhooks, w.ID, "file-webhook")
		r.call(hostOf(w.URL), stands+"-host")
		for _, a := range w.Accounts {
			accounts[a] = true
		}
	}
	delete(accounts, "")
	for i, a := range slices.Sorted(maps.Keys(accounts)) {
		r.accounts[a] = fmt.Sprintf("account-%d", i+1)
	}
	for _, of := range []map[string]string{r.connections, r.webhooks, r.hosts, r.accounts} {
		for word, stands := range of {
			r.call(word, stands)
		}
	}
	r.meetMachine()
	return r
}

func (r *roster) meetConfig(c *config.Config, accounts map[string]bool) {
	r.call(c.Platform.Name, "[platform]")
	r.call(c.Platform.PartnerName, "[platform]")
	for _, text := range []string{c.Platform.URL, c.Platform.LogoURL, c.HTTP.PublicURL} {
		r.call(hostOf(text), "[platform-host]")
	}
	r.call(c.Platform.SupportContact, "[support-contact]")
	r.call(c.Platform.SupportHours, "[support-hours]")
	for name := range c.Adapters.Named {
		r.adapters[name] = true
	}
	for i := range c.Connections {
		con := &c.Connections[i]
		stands := fmt.Sprintf("file-connection-%d", i+1)
		r.connections[con.ID] = stands
		accounts[con.Account] = true
		r.call(con.Name, stands)
		for _, s := range con.Credentials {
			r.secrets = append(r.secrets, s.Reveal())
			r.call(s.File(), "[credential-file-of-"+stands+"]") // it may be called after an employer
		}
		r.call(con.NoteTemplateFile, "[note-file-of-"+stands+"]")
	}
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		stands := fmt.Sprintf("file-webhook-%d", i+1)
		r.webhooks[w.ID] = stands
		r.call(hostOf(w.URL), stands+"-host")
		r.secrets = append(r.secrets, w.Secret.Reveal(), w.OldSecret.Reveal())
		for _, s := range []config.Secret{w.Secret, w.OldSecret} {
			r.secrets = append(r.secrets, strings.TrimPrefix(s.Reveal(), "whsec_"))
		}
		for _, a := range w.Accounts {
			accounts[a] = true
		}
	}
}

// meetMachine has the machine and who made the bundle taken out of texts.
func (r *roster) meetMachine() {
	if host, err := os.Hostname(); err == nil {
		r.call(host, "[this-machine]")
		short, _, _ := strings.Cut(host, ".")
		r.call(short, "[this-machine]")
	}
	if u, err := user.Current(); err == nil && u.Uid != "0" {
		r.call(u.Username, "[user]")
		r.call(u.Name, "[user]")
	}
	r.call(os.Getenv("SUDO_USER"), "[user]")
}

// thing gives what has no place in the list yet the next one, and returns what stands for it.
func (r *roster) thing(list map[string]string, id, kind string) string {
	switch {
	case id == "":
		return ""
	case ownID.MatchString(id):
		return id
	}
	if stands, ok := list[id]; ok {
		return stands
	}
	list[id] = fmt.Sprintf("%s-%d", kind, len(list)+1)
	return list[id]
}

// call has a word of free text replaced. What everybody is called is nobody's name.
func (r *roster) call(word, stands string) {
	switch {
	case word == "", word == nobody, strings.EqualFold(word, ourselves), r.adapters[strings.ToLower(word)], ownID.MatchString(word), ownHost(word):
		return
	}
	if _, taken := r.names[word]; !taken {
		r.names[word] = stands
	}
}

// of returns what stands for an id; "" stays.
func of(list map[string]string, id string) string {
	switch stands, ok := list[id]; {
	case id == "" || ownID.MatchString(id):
		return id
	case ok:
		return stands
	}
	return unknown
}

func (r *roster) connection(id string) string { return of(r.connections, id) }
func (r *roster) account(id string) string    { return of(r.accounts, id) }
func (r *roster) webhook(id string) string    { return of(r.webhooks, id) }

// mask returns the mask that knows everybody.
func (r *roster) mask() *Mask { return NewMask(r.secrets, r.names) }

// hostOf is the host of an address, "" where it has none.
func hostOf(address string) string {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "/")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	host, _ := splitPort(rest)
	return host
}

// daemonView is what the daemon told before anything is packed; err says why it told nothing.
type daemonView struct {
	version     string
	err         error
	connections []api.Connection
	adapters    []api.Adapter
	webhooks    []api.Webhook
}
