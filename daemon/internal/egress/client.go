package egress

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Options are what a Client is made of.
type Options struct {
	// Allow are the networks that may be reached although they are not public; Setting is how errors name the list.
	Allow   []netip.Prefix
	Setting string
	// CAs are trusted beside nothing else when set; nil is the system's.
	CAs *x509.CertPool
	// DialTimeout bounds one connection attempt with its look-up, TLSTimeout the handshake after it. 0 is 10 s.
	DialTimeout, TLSTimeout time.Duration
	// KeepAlive is as in net.Dialer.
	KeepAlive time.Duration
	// PerHost bounds the connections to one host; 0 is no bound.
	PerHost int
	// Resolver looks names up; nil is the system's.
	Resolver *net.Resolver
}

// Client makes requests through a Guard.
type Client struct {
	guard *Guard
	http  *http.Client
}

// New returns a client.
func New(o Options) *Client {
	if o.DialTimeout <= 0 {
		o.DialTimeout = 10 * time.Second
	}
	if o.TLSTimeout <= 0 {
		o.TLSTimeout = 10 * time.Second
	}
	g := NewGuard(o.Allow, o.Setting)
	return &Client{guard: g, http: &http.Client{
		Transport:     doors{plain: transport(o, g, true), secure: transport(o, g, false)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Do sends a request. A redirect is an answer like any other. What the guard refused is an ErrBlocked.
func (c *Client) Do(r *http.Request) (*http.Response, error) { return c.http.Do(r) }

// CloseIdle lets go of idle connections.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// CheckURL says at once what can be said without a look-up: whether a URL is https (or http while networks are listed),
// names a host, holds no password, and, where its host is an address, whether that one may be reached. The last word is
// spoken when it is dialled.
func (c *Client) CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return errors.New("is not an address such as https://hooks.example.com/atssync")
	case u.User != nil:
		return errors.New("must hold no user and password: it is shown in lists and logs")
	case u.Fragment != "":
		return errors.New("must hold no #fragment: it would not be sent")
	case u.Scheme != "https" && (u.Scheme != "http" || len(c.guard.allow) == 0):
		return fmt.Errorf("must begin with https://; http:// is for hosts whose network is in %s", c.guard.setting)
	}
	a, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil //nolint:nilerr // a name, which is judged when it is looked up.
	}
	listed, err := c.guard.Check(a)
	if err == nil && u.Scheme == "http" && !listed {
		return fmt.Errorf("must begin with https://; http:// is for hosts whose network is in %s", c.guard.setting)
	}
	return err
}

// transport makes connections of one kind: of plain HTTP, which only listed networks get, or of TLS.
func transport(o Options, g *Guard, plaintext bool) *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // a proxy would be judged in place of the host behind it
		DialContext:            g.dialer(o, plaintext).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.CAs},
		TLSHandshakeTimeout:    o.TLSTimeout,
		ForceAttemptHTTP2:      !plaintext,
		DisableCompression:     true,
		MaxConnsPerHost:        o.PerHost,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    max(o.PerHost, 2),
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// doors sends a request through the transport of its scheme, so that a connection without TLS is never taken for another.
type doors struct{ plain, secure *http.Transport }

// RoundTrip implements http.RoundTripper.
func (d doors) RoundTrip(r *http.Request) (*http.Response, error) {
	switch r.URL.Scheme {
	case "https":
		return d.secure.RoundTrip(r)
	case "http":
		return d.plain.RoundTrip(r)
	}
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return nil, fmt.Errorf("%w: the scheme %q is not HTTP", ErrBlocked, r.URL.Scheme)
}

// CloseIdleConnections lets go of idle connections of both kinds.
func (d doors) CloseIdleConnections() {
	d.plain.CloseIdleConnections()
	d.secure.CloseIdleConnections()
}
