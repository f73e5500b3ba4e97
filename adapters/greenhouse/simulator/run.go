package simulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Run is the simulator as a program: it reads its flags, listens, prints where it is and who lives there, and serves until ctx
// ends. It is what `atssync simulate greenhouse` runs. Asking for help is no error.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parseFlags(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	options, err := f.options()
	if err != nil {
		return err
	}
	script, err := f.scripted()
	if err != nil {
		return err
	}
	s, err := New(options)
	if err != nil {
		return err
	}
	defer s.Close()
	if f.printSeed || f.printSwitches {
		return f.print(s, stdout)
	}
	if err := f.spoil(s); err != nil {
		return err
	}
	return s.serve(ctx, f, script, stdout, stderr)
}

// serve listens until ctx ends. The script runs beside it and ends with it.
func (s *Server) serve(ctx context.Context, f *runFlags, script *Script, stdout, stderr io.Writer) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", f.listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", f.listen, err)
	}
	log := slog.New(slog.NewTextHandler(stderr, nil)).With("component", "greenhouse-simulator")
	web := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- web.Serve(l) }()
	ctx, cancel := context.WithCancel(ctx)
	var scripts sync.WaitGroup
	defer scripts.Wait()
	defer cancel()
	if err := s.announce("http://"+l.Addr().String(), f.json, stdout); err != nil {
		return errors.Join(err, web.Close())
	}
	if script != nil {
		scripts.Go(func() {
			if err := s.RunScript(ctx, script, log); err != nil {
				log.Error("script refused", "error", err.Error())
			}
		})
	}
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	// Hanging requests and delays end first, or the orderly shutdown would wait for them.
	s.end()
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer stop()
	if err := web.Shutdown(grace); err != nil {
		return web.Close()
	}
	return nil
}

// announcement is what is printed at the start with --json, on one line.
type announcement struct {
	BaseURL    string              `json:"base_url"`
	ControlURL string              `json:"control_url"`
	Partner    Partner             `json:"partner"`
	Employers  []announcedEmployer `json:"employers"`
}

type announcedEmployer struct {
	Name       string `json:"name"`
	Title      string `json:"title"`
	Key        string `json:"key"`
	HarvestKey string `json:"harvest_key,omitempty"`
	// SiteAdmin and Basic are the addresses of the first user of each level; Users has all.
	SiteAdmin string `json:"site_admin,omitempty"`
	Basic     string `json:"basic,omitempty"`
	Users     []User `json:"users"`
	Jobs      []Job  `json:"jobs"`
	Pools     []Pool `json:"pools"`
}

// announce prints the base URL, keys and addresses: one JSON line for scripts, or a page for people.
func (s *Server) announce(base string, asJSON bool, stdout io.Writer) error {
	a := announcement{BaseURL: base, ControlURL: base + "/control", Partner: s.partner}
	for _, e := range s.Employers() {
		one := announcedEmployer{Name: e.name, Title: e.title, Key: e.Key(), Users: e.Users(), Jobs: e.Jobs(), Pools: e.Pools()}
		for _, k := range e.Keys() {
			if k.Type == KeyHarvest {
				one.HarvestKey = k.Key
			}
		}
		if u, ok := e.User(SiteAdmin); ok {
			one.SiteAdmin = u.Email
		}
		if u, ok := e.User(Basic); ok {
			one.Basic = u.Email
		}
		a.Employers = append(a.Employers, one)
	}
	if asJSON {
		return json.NewEncoder(stdout).Encode(a)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "base_url %s\ncontrol_url %s\n", a.BaseURL, a.ControlURL)
	for i, e := range a.Employers {
		if i == 20 {
			fmt.Fprintf(&b, "and %d more; --json lists them all\n", len(a.Employers)-i)
			break
		}
		fmt.Fprintf(&b, "\nemployer %s (%s)\n  key %s\n", e.Name, e.Title, e.Key)
		for _, u := range e.Users {
			state := ""
			if u.Disabled {
				state = " (disabled)"
			}
			fmt.Fprintf(&b, "  %-12s %s%s\n", u.Level, u.Email, state)
		}
	}
	_, err := io.WriteString(stdout, b.String())
	return err
}

// print writes the seed or the switches and nothing else.
func (f *runFlags) print(s *Server, stdout io.Writer) error {
	if f.printSeed {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return out.Encode(s.Seed())
	}
	var b strings.Builder
	for _, d := range SwitchTable() {
		fmt.Fprintf(&b, "%s  (%s)\n    default %s\n", d.Name, d.Question, d.defaultJSON())
		for _, v := range d.Variants {
			fmt.Fprintf(&b, "    %-24s %s\n", v.Value, v.About)
		}
	}
	_, err := io.WriteString(stdout, b.String())
	return err
}

// resumeClient trusts the named authority besides the system's own; nil leaves the default client.
func (f *runFlags) resumeClient() (*http.Client, error) {
	if f.resumeCA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(f.resumeCA)
	if err != nil {
		return nil, fmt.Errorf("--resume-ca-file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--resume-ca-file: %s holds no certificate in PEM form", f.resumeCA)
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}
	return &http.Client{Timeout: resumeTimeout, Transport: transport}, nil
}
