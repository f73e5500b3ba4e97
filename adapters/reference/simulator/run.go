package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Run is the simulator as a program: it listens, prints where it is and which keys it knows, and serves
// until ctx ends. With --json it prints one JSON line with base_url, control_url and employers.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:0", "`address` to listen on; port 0 takes a free one")
	employers := flags.Int("employers", 1, "employers, each with a key")
	jobs := flags.Int("jobs", 3, "open jobs of each employer")
	latency := flags.Duration("latency", 0, "delay of every request")
	asJSON := flags.Bool("json", false, "print URLs, keys and jobs as one JSON line")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", *listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", *listen, err)
	}
	s := New(Options{Employers: *employers, Jobs: *jobs, Latency: *latency})
	defer s.Close()
	web := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(l) }()
	if err := s.announce("http://"+l.Addr().String(), *asJSON, stdout); err != nil {
		return errors.Join(err, web.Close())
	}
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		return web.Close()
	}
}

// announce prints where the simulator is.
func (s *Simulator) announce(base string, asJSON bool, stdout io.Writer) error {
	type employer struct {
		Name          string `json:"name"`
		Key           string `json:"key"`
		WebhookSecret string `json:"webhook_secret"`
		Jobs          []Job  `json:"jobs"`
	}
	var list []employer
	for _, a := range s.accounts {
		e := employer{Name: a.Name, Key: a.Key, WebhookSecret: a.Secret}
		a.mu.Lock()
		for _, j := range a.jobs {
			e.Jobs = append(e.Jobs, *j)
		}
		a.mu.Unlock()
		list = append(list, e)
	}
	if asJSON {
		return json.NewEncoder(stdout).Encode(map[string]any{
			"base_url": base, "control_url": base + "/control", "employers": list,
		})
	}
	if _, err := fmt.Fprintf(stdout, "base_url %s\ncontrol_url %s/control\n", base, base); err != nil {
		return err
	}
	for _, e := range list {
		if _, err := fmt.Fprintf(stdout, "employer %q key %s\n", e.Name, e.Key); err != nil {
			return err
		}
	}
	return nil
}
