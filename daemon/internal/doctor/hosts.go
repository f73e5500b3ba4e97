package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	maxHosts    = 20
	hostTimeout = 5 * time.Second
)

// target is a host that is looked at.
type target struct {
	address string // host:port
	secure  bool
	// public says that it is our own address, which this machine need not reach.
	public bool
}

// hostLook is what was seen of a host.
type hostLook struct {
	target
	findings []Finding
	// date is what the host says the time is, between two looks at our clock; zero when it did not say.
	date, askedAt, answeredAt time.Time
}

func checkHosts(_ context.Context, p *patient) []Finding {
	if p.config == nil {
		return p.withoutConfig("hosts")
	}
	var out []Finding
	looks := p.hosts()
	for _, h := range looks {
		out = append(out, h.findings...)
	}
	if left := len(p.targets()) - len(looks); left > 0 {
		out = append(out, notRun("hosts", some(left, "more host")+fmt.Sprintf(" were not looked at: %d are at a time", maxHosts), ""))
	}
	if len(looks) == 0 {
		out = append(out, well("hosts", "no connection names a host yet"))
	}
	return out
}

// targets lists the distinct hosts of connections, of adapters and of ourselves.
func (p *patient) targets() []target {
	var out []target
	add := func(text string, public bool) {
		t, ok := targetOf(text)
		t.public = public
		if ok && !slices.ContainsFunc(out, func(o target) bool { return o.address == t.address }) {
			out = append(out, t)
		}
	}
	told := map[string]bool{}
	for name, a := range p.config.Adapters.Named {
		base, ok := a.Settings["base_url"].(string)
		if ok && a.Enabled {
			told[name] = true
			add(base, false)
		}
	}
	d := p.daemon()
	for _, a := range d.adapters {
		if a.Manifest == nil || told[a.Name] {
			continue
		}
		for _, f := range a.Manifest.Fields {
			if f.Name == "base_url" {
				add(f.Default, false)
			}
		}
	}
	for _, c := range d.connections {
		if !slices.ContainsFunc(out, func(t target) bool { return hostOf(t.address) == hostOf(c.Host) }) {
			add(c.Host, false)
		}
	}
	slices.SortFunc(out, func(a, b target) int { return strings.Compare(a.address, b.address) })
	add(p.config.HTTP.PublicURL, true)
	return out
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// targetOf reads a URL, or a host with or without a port.
func targetOf(text string) (target, bool) {
	if text == "" {
		return target{}, false
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return target{}, false
	}
	t := target{secure: u.Scheme != "http"}
	port := u.Port()
	if port == "" {
		port = "443"
		if !t.secure {
			port = "80"
		}
	}
	t.address = net.JoinHostPort(u.Hostname(), port)
	return t, true
}

func lookAtHosts(ctx context.Context, p *patient) []hostLook {
	if p.config == nil {
		return nil
	}
	targets := p.targets()
	targets = targets[:min(len(targets), maxHosts)]
	d := door{}
	if u, err := url.Parse(p.config.Adapters.Proxy); err == nil && p.config.Adapters.Proxy != "" {
		d.proxy = u
	}
	d.roots = roots(p.config.Adapters.CAFile)
	out := make([]hostLook, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, hostTimeout)
			defer cancel()
			out[i] = d.look(ctx, t)
		})
	}
	wg.Wait()
	return out
}

// roots are the system's and those of a file; nil is the system's.
func roots(file string) *x509.CertPool {
	text, err := os.ReadFile(file)
	if file == "" || err != nil {
		return nil // the check proxy tells
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(text)
	return pool
}

// door is the way out, as adapters have it.
type door struct {
	proxy *url.URL // nil: none
	roots *x509.CertPool
}

// look goes to a host step by step, and tells at which one it ends.
func (d door) look(ctx context.Context, t target) (h hostLook) {
	h.target = t
	began := time.Now()
	defer func() {
		for i := range h.findings {
			h.findings[i].DurationMS = time.Since(began).Milliseconds()
		}
	}()
	conn, way, bad := d.reach(ctx, t)
	if bad != nil {
		h.findings = []Finding{*bad}
		return h
	}
	defer func() { _ = conn.Close() }()
	if !t.secure {
		h.findings = []Finding{well(t.address, way+"; without TLS, which is for simulators")}
		return h
	}
	secure := tls.Client(conn, &tls.Config{ServerName: hostOf(t.address), RootCAs: d.roots, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		h.findings = []Finding{t.untrusted(err)}
		return h
	}
	state := secure.ConnectionState()
	f := valid(t.address, "its certificate", state.PeerCertificates[0], time.Now())
	f.Message = fmt.Sprintf("%s, %s, %s", way, tls.VersionName(state.Version), f.Message)
	if f.Status != OK && !t.public {
		f.WhoseTurn, f.Remedy = sdk.TurnATS, "tell whoever runs it, before it ends"
	}
	h.findings = []Finding{f}
	if !t.public {
		h.ask(ctx, secure)
	}
	return h
}

// reach returns a connection to a host, directly or through the proxy.
func (d door) reach(ctx context.Context, t target) (conn net.Conn, way string, bad *Finding) {
	host := hostOf(t.address)
	refuse := func(what string, err error, remedy string) *Finding {
		f := trouble(t.address, fmt.Sprintf("%s: %v", what, cause(err)), remedy)
		if t.public {
			f = warning(t.address, fmt.Sprintf("this machine does not reach its own [http] public_url (%s: %v)", what, cause(err)), "look from outside whether employers can reach it")
		}
		return &f
	}
	began := time.Now()
	if d.proxy != nil && !t.public && !local(host) {
		conn, err := d.tunnel(ctx, t)
		if err != nil {
			return nil, "", refuse("it cannot be reached through the proxy", err, "see whether the proxy lets this machine go there")
		}
		return conn, "through the proxy in " + short(time.Since(began)), nil
	}
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		if dns, ok := errors.AsType[*net.DNSError](err); ok {
			err = errors.New(dns.Err)
		}
		return nil, "", refuse("its name is not found", err, "see whether the name is right and this machine has a name server: /etc/resolv.conf")
	}
	looked := time.Since(began)
	began = time.Now()
	if conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", t.address); err != nil {
		return nil, "", refuse("it cannot be reached", err, "see whether a firewall is in between, or a proxy is needed: [adapters] proxy")
	}
	way = fmt.Sprintf("connected in %s", short(time.Since(began)))
	if net.ParseIP(host) == nil {
		way = fmt.Sprintf("found in %s (%s), %s", short(looked), strings.Join(found[:min(len(found), 3)], " "), way)
	}
	return conn, way, nil
}

// local reports whether a host is this machine, to which programs go without a proxy.
func local(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// tunnel asks the proxy for a connection.
func (d door) tunnel(ctx context.Context, t target) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", proxyAddress(d.proxy))
	if err != nil {
		return nil, err
	}
	if d.proxy.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: d.proxy.Hostname(), RootCAs: d.roots, MinVersion: tls.VersionTLS12})
	}
	if until, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(until)
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: t.address}, Host: t.address, Header: http.Header{"User-Agent": {agent}}}
	if u := d.proxy.User; u != nil {
		password, _ := u.Password()
		basic := &http.Request{Header: http.Header{}}
		basic.SetBasicAuth(u.Username(), password)
		req.Header.Set("Proxy-Authorization", basic.Header.Get("Authorization"))
	}
	if err := req.Write(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	res, err := http.ReadResponse(bufio.NewReaderSize(conn, 4<<10), req)
	if err != nil {
		return nil, errors.Join(errors.New("the proxy does not answer as one"), conn.Close())
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("the proxy answered %s", res.Status), conn.Close())
	}
	return conn, nil
}

const agent = "atssync-doctor"

// untrusted tells what a handshake means that failed.
func (t target) untrusted(err error) Finding {
	f := trouble(t.address, fmt.Sprintf("no TLS connection is made: %v", cause(err)), "see whether something in between breaks TLS open")
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	name, wrong := errors.AsType[x509.HostnameError](err)
	invalid, over := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case unknown:
		f.Message, f.Remedy = "its certificate is signed by nobody whom this machine trusts", "if something in between breaks TLS open on purpose, name its certificate in [adapters] ca_file"
	case wrong:
		f.Message, f.Remedy = fmt.Sprintf("its certificate is for other names than %s", name.Host), "see whether the address is right, and what is in between"
	case over && invalid.Reason == x509.Expired:
		f.Message, f.WhoseTurn, f.Remedy = "its certificate has ended, or is not valid yet", sdk.TurnATS, "see whether the clock of this machine is right; else whoever runs it has to renew it"
	}
	if t.public {
		f.WhoseTurn, f.Remedy = sdk.TurnOperator, "mend the certificate of [http] public_url: employers cannot open their pages"
	}
	return f
}

// ask has the host say what the time is.
func (h *hostLook) ask(ctx context.Context, conn *tls.Conn) {
	if until, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(until)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://"+h.address+"/", http.NoBody)
	if err != nil {
		return
	}
	req.Close = true
	req.Header.Set("User-Agent", agent)
	asked := time.Now()
	if req.Write(conn) != nil {
		return
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return // it need not speak to somebody without a key
	}
	_ = res.Body.Close()
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		h.date, h.askedAt, h.answeredAt = date, asked, time.Now()
	}
}
