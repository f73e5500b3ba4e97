// Package rest makes one JSON-over-HTTP exchange with an ATS, with manners. It stands between an adapter's
// methods and net/http: the adapter says what to ask and how to read the answer, and this package adds the
// credential, holds the bounds, keeps secrets and people out of every text, and turns what happened into a
// *sdk.Error of the right kind.
//
// What it never does is as much part of its contract: it never sleeps, never retries, never follows a
// redirect and never lets net/http repeat a write. The host decides when to try again; one Do puts a write on
// the wire at most once. (A GET whose kept-alive connection turns out dead may be sent anew by net/http.)
//
// The heart is the difference between "nothing was written" and "nobody knows". A call with Call.Write set
// that fails before its first byte reached the connection is transient and NotApplied; one that fails later
// is ambiguous, unless the ATS answered with a refusal.
package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// EnvCAFile names the environment variable with the path of a PEM file of further certificate authorities.
const EnvCAFile = "ATSSYNC_CA_FILE"

// Bounds that hold when Options leaves a field empty.
const (
	DefaultTimeout     = 30 * time.Second
	DefaultMaxResponse = 3 << 20
	DefaultMaxRequest  = 1 << 20
)

// idleTimeout is shorter than the shortest idle time-out that servers and balancers commonly have (five
// seconds), because a write on a connection that the server is just closing has no known outcome.
const idleTimeout = 3 * time.Second

// Options shape a Client. Only Name is required.
type Options struct {
	// Name is the ATS's name in messages to people: "Greenhouse".
	Name string
	// UserAgent is sent with each request; "atssync" when empty.
	UserAgent string
	// Proxy is the URL of a proxy for all requests. When empty, HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the
	// process say it.
	Proxy string
	// CAFile is a PEM file of authorities that are trusted beside the system's.
	CAFile string
	// Timeout bounds one exchange when the context's deadline does not end it earlier.
	Timeout time.Duration
	// MaxResponse bounds an answer after decompression, MaxRequest an encoded body, in bytes. The default
	// of MaxResponse leaves room in one gRPC message of 4 MiB.
	MaxResponse, MaxRequest int64
}

// FromEnv returns the options that the daemon passes to an adapter's process through its environment.
func FromEnv(name string) Options {
	return Options{Name: name, CAFile: os.Getenv(EnvCAFile)}
}

// Client makes exchanges for all connections of one adapter. It keeps connections alive and nothing else;
// it is safe for concurrent use.
type Client struct {
	opt  Options
	http *http.Client
	// broken is why no exchange can be made (a certificate file that cannot be read). It is reported by each
	// call, so that the check of a connection shows it to the operator.
	broken error
}

// New returns a client. It never fails: what is wrong with the options is what each Do answers, as
// KindConfigRequired.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxResponse <= 0 {
		o.MaxResponse = DefaultMaxResponse
	}
	if o.MaxRequest <= 0 {
		o.MaxRequest = DefaultMaxRequest
	}
	if o.UserAgent == "" {
		o.UserAgent = "atssync"
	}
	transport, err := newTransport(o)
	return &Client{
		opt:    o,
		broken: err,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Close ends the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// newTransport builds the transport. HTTP/1.1 only: over HTTP/2 the calls of all employers would share one
// connection, and its loss would leave each of their writes without a known outcome.
func newTransport(o Options) (*http.Transport, error) {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: conn}, nil
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    128,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		Protocols:              &protocols,
	}
	if o.Proxy != "" {
		u, err := url.Parse(o.Proxy)
		if err != nil || u.Host == "" {
			return t, errors.New("the proxy of the adapters is not a URL")
		}
		t.Proxy = http.ProxyURL(u)
	}
	if o.CAFile != "" {
		pool, err := loadAuthorities(o.CAFile)
		if err != nil {
			return t, err
		}
		t.TLSClientConfig.RootCAs = pool
	}
	return t, nil
}

// loadAuthorities returns the system's authorities and those of a PEM file.
func loadAuthorities(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the file %s of certificate authorities cannot be read", path)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the file %s holds no certificate in PEM form", path)
	}
	return pool, nil
}

// ParseBase checks the address of an ATS: https with a host, without user, query or fragment. Plain http is
// taken for a loopback host only, so that a credential never crosses a network in the clear; that is where
// simulators listen. The error is a KindConfigRequired whose turn is the operator's.
func ParseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(strings.TrimSpace(raw), "/"))
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, badBase("is not an absolute URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, badBase("may hold no user, query or fragment")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	default:
		return nil, badBase("must begin with https:// (http:// is taken for a loopback address only)")
	}
}

func badBase(why string) error {
	return &sdk.Error{
		Kind: sdk.KindConfigRequired, Message: "the setting base_url " + why, Turn: sdk.TurnOperator,
		Remedy: "Correct base_url in the configuration of the adapter.", NotApplied: true,
	}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
