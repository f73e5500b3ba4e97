package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"
)

const (
	// soonOver is how long before its end a certificate is worth a word.
	soonOver = 14 * 24 * time.Hour
	// maxPEM bounds a file of certificates.
	maxPEM = 4 << 20
)

func checkProxy(ctx context.Context, p *patient) []Finding {
	if p.config == nil {
		return p.withoutConfig("proxy")
	}
	c := p.config
	out := []Finding{p.proxy(ctx)}
	for _, x := range []struct{ key, path string }{{"[adapters] ca_file", c.Adapters.CAFile}, {"[delivery] ca_file", c.Delivery.CAFile}} {
		if x.path != "" {
			out = append(out, certificates(x.key, x.path, time.Now()))
		}
	}
	if c.HTTP.TLSCert != "" {
		out = append(out, pair(c.HTTP.TLSCert, c.HTTP.TLSKey, time.Now()))
	}
	return out
}

func (p *patient) proxy(ctx context.Context) Finding {
	const subject = "[adapters] proxy"
	if p.config.Adapters.Proxy == "" {
		return well(subject, "none is configured")
	}
	u, err := url.Parse(p.config.Adapters.Proxy)
	if err != nil || u.Hostname() == "" {
		return trouble(subject, "it is no address of a proxy", "write it as http://proxy.example.com:3128")
	}
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	at := proxyAddress(u)
	began := time.Now()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", at)
	if err != nil {
		return trouble(subject, fmt.Sprintf("%s cannot be reached: %v", at, cause(err)), "see whether the proxy runs and lets this machine in")
	}
	_ = conn.Close()
	return well(subject, fmt.Sprintf("%s answers in %s", at, short(time.Since(began))))
}

func proxyAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443"}[u.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// certificates judges a file of certificates to trust.
func certificates(key, path string, now time.Time) Finding {
	list, err := readCertificates(path)
	switch {
	case mayNotLook(err):
		return notRun(key, "this user may not read "+path, asRoot)
	case err != nil:
		return trouble(key, err.Error(), "put the certificates there as PEM")
	}
	worst := well(key, some(len(list), "certificate")+" in "+path)
	for _, c := range list {
		f := valid(key, fmt.Sprintf("a certificate in %s (%s)", path, c.Subject.CommonName), c, now)
		if rank[f.Status] < rank[worst.Status] {
			worst = f
		}
	}
	return worst
}

func readCertificates(path string) ([]*x509.Certificate, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxPEM {
		return nil, fmt.Errorf("%s is no file of certificates", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("a certificate in %s is damaged: %w", path, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is no certificate in %s", path)
	}
	return out, nil
}

// pair judges the certificate of the daemon's own listener.
func pair(cert, key string, now time.Time) Finding {
	const subject = "[http] tls_cert"
	k, err := tls.LoadX509KeyPair(cert, key)
	if mayNotLook(err) {
		return notRun(subject, "this user may not read "+cert+" or its key", asRoot)
	}
	if err == nil && k.Leaf == nil {
		err = errors.New("there is no certificate in it")
	}
	if err != nil {
		return trouble(subject, fmt.Sprintf("%s and %s do not make a certificate: %v", cert, key, err), "put the certificate with its chain and its own key there, as PEM")
	}
	f := valid(subject, cert, k.Leaf, now)
	if f.Remedy != "" {
		f.Remedy = "renew it; the daemon reads it again by itself"
	}
	return f
}

// valid judges the time of a certificate.
func valid(subject, what string, c *x509.Certificate, now time.Time) Finding {
	until := c.NotAfter.UTC().Format(time.DateOnly)
	switch {
	case now.After(c.NotAfter):
		return trouble(subject, what+" ended on "+until, "renew it")
	case now.Before(c.NotBefore):
		return trouble(subject, what+" begins on "+c.NotBefore.UTC().Format(time.DateOnly), "see whether the clock of this machine is right")
	case c.NotAfter.Sub(now) < soonOver:
		return warning(subject, what+" ends on "+until, "renew it")
	}
	return well(subject, what+" is valid until "+until)
}

// cause is the innermost reason of an error of the network, without addresses around it.
func cause(err error) error {
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		return call.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
