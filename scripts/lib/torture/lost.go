package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/host"
)

// cutter stands on the wire before the ATS. It passes requests on, counts POSTs as they come, and cuts the connection after
// the ATS has acted on some, so that the answer is lost and a kept connection dies.
type cutter struct {
	url  string
	to   string
	rate float64
	stop func()

	mu    sync.Mutex
	dice  *rand.Rand
	posts map[string]int // by external id
	cut   map[string]bool
}

func newCutter(to string, rate float64, dice *rand.Rand) (*cutter, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &cutter{url: "http://" + l.Addr().String(), to: to, rate: rate, dice: dice, posts: make(map[string]int), cut: make(map[string]bool)}
	c.stop = func() { _ = l.Close() }
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	return c, nil
}

// serve answers one connection until it is cut.
func (c *cutter) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		cut := c.count(req, body)
		res, err := c.forward(req, body)
		if err != nil || cut {
			return
		}
		err = res.Write(conn)
		_ = res.Body.Close()
		if err != nil {
			return
		}
	}
}

// count counts a POST and says whether its answer is to be lost.
func (c *cutter) count(req *http.Request, body []byte) bool {
	if req.Method != http.MethodPost {
		return false
	}
	var d struct {
		ExternalID string `json:"external_id"`
	}
	if json.Unmarshal(body, &d) != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posts[d.ExternalID]++
	cut := c.dice.Float64() < c.rate
	if cut {
		c.cut[d.ExternalID] = true
	}
	return cut
}

func (c *cutter) forward(req *http.Request, body []byte) (*http.Response, error) {
	out, err := http.NewRequestWithContext(req.Context(), req.Method, c.to+req.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.Header = req.Header.Clone()
	out.Header.Del("Idempotency-Key") // what stands behind repeats nothing
	return http.DefaultClient.Do(out)
}

// lost loses answers, and storms. What mostly waits goes on side by side.
func lost(ctx context.Context, t *trial) error {
	if err := lostAnswers(ctx, t); err != nil {
		return err
	}
	if t.part.failed() > 0 {
		return nil // what follows takes a minute and would say the same
	}
	parts := []func(context.Context, *trial) error{lostInDaemon, storms, refusedKey, oneJob, oneOperation}
	failed := make([]error, len(parts))
	var group sync.WaitGroup
	for i, run := range parts {
		group.Go(func() { failed[i] = run(ctx, t) })
	}
	group.Wait()
	return errors.Join(failed...)
}

// lostAnswers calls the adapter's process as the daemon does, through a wire that loses one answer in ten.
func lostAnswers(ctx context.Context, t *trial) error {
	const places = 8
	sim, err := simulator.New(simulator.Options{Seed: simulator.GenerateSeed(places, 1), RandSeed: t.seed})
	if err != nil {
		return err
	}
	defer sim.Close()
	url, stop, err := serve(sim)
	defer stop()
	if err != nil {
		return err
	}
	c, err := newCutter(url, 0.1, t.random("lost", 0))
	if err != nil {
		return err
	}
	defer c.stop()
	p, err := host.Launch(ctx, host.Options{Path: filepath.Join(t.bin, "adapters", "greenhouse"), RuntimeDir: filepath.Join(t.root, "h")})
	if err != nil {
		return err
	}
	defer func() { _ = p.Stop(context.WithoutCancel(ctx)) }()
	var next, ambiguous, created, wrong atomic.Int64
	var example atomic.Value
	var group sync.WaitGroup
	for _, e := range sim.Employers() {
		group.Go(func() {
			for ctx.Err() == nil {
				n := next.Add(1)
				if n > int64(t.n) {
					return
				}
				id := fmt.Sprintf("lost-%d", n)
				said := attempt(ctx, p, c.url, e, id)
				t.done(1)
				c.mu.Lock()
				cut := c.cut[id]
				c.mu.Unlock()
				switch {
				case said == "" && !cut:
					created.Add(1)
				case said == sdk.KindAmbiguous && cut:
					ambiguous.Add(1)
				default:
					wrong.Add(1)
					example.Store(fmt.Sprintf("%s: cut %t, the adapter says %q", id, cut, said))
				}
			}
		})
	}
	group.Wait()
	over, sum := "", 0
	for id, n := range c.posts {
		sum += n
		if n != 1 {
			over = fmt.Sprintf("%s: %d", id, n)
		}
	}
	t.check(promiseOnePost, over == "", "of %d attempts %s", t.n, over)
	t.check("a lost answer is ambiguous, an answer is not", wrong.Load() == 0, "%d were judged otherwise, such as %v", wrong.Load(), example.Load())
	t.check("every attempt reached the ATS", int64(sum) >= int64(t.n), "%d of %d", sum, t.n)
	t.note("%d attempts, %d answers lost", sum, ambiguous.Load())
	return ctx.Err()
}

// attempt makes one call and says the kind of its error, "" when the person was created.
func attempt(ctx context.Context, p *host.Process, base string, e *simulator.Employer, id string) sdk.Kind {
	admin, _ := e.User(simulator.SiteAdmin)
	reply, err := p.Client().Submit(ctx, sdk.SubmitRequest{
		Connection: sdk.Connection{
			ID: "con_" + e.Name(), Settings: map[string]string{"base_url": base, "on_behalf_of": admin.Email},
			Credentials: map[string]sdk.Secret{"api_key": sdk.Secret(e.Key())},
		},
		Items: []sdk.SubmitItem{{
			ExternalID: id, JobID: fmt.Sprint(e.Jobs()[0].ID), As: sdk.AsCandidate,
			Person: sdk.Person{FirstName: "Ida", LastName: "Sample", Emails: []sdk.Email{{Address: id + "@example.com", Type: "personal"}}},
		}},
	})
	var said *sdk.Error
	switch {
	case errors.As(err, &said):
		return said.Kind
	case err != nil:
		return sdk.KindInternal
	case len(reply.Outcomes) != 1:
		return "no outcome"
	case reply.Outcomes[0].Err != nil:
		return reply.Outcomes[0].Err.Kind
	}
	return ""
}

// lostInDaemon loses answers of a whole daemon: each is uncertain, none is sent again by itself.
func lostInDaemon(ctx context.Context, t *trial) error {
	var c *cutter
	w, err := newWorld(ctx, t, "l", options{connections: 20, baseURL: func(sim string) (string, error) {
		var err error
		c, err = newCutter(sim, 0.1, t.random("lost", 1))
		return c.url, err
	}})
	if err != nil {
		return err
	}
	defer w.end()
	defer c.stop()
	if err := w.fill(ctx, 200); err != nil {
		return err
	}
	if err := sleep(ctx, 6*time.Second); err != nil {
		return err
	}
	c.mu.Lock()
	c.rate = 0
	over, cut := "", len(c.cut)
	for id, n := range c.posts {
		if n != 1 {
			over = fmt.Sprintf("%s: %d", id, n)
		}
	}
	c.mu.Unlock()
	t.check(promiseOnePost, over == "", "in the daemon: %s", over)
	l, err := w.ledger(ctx, true)
	if err != nil {
		return err
	}
	t.check("each lost answer is one uncertain submission", l.Total.States["uncertain"] == cut && cut > 0, "%d answers were lost: %v", cut, l.Total.States)
	for range 2 {
		if _, err := w.settle(ctx, "lost answers"); err != nil {
			return err
		}
		if err := w.arrived(ctx, 150*time.Second); err != nil {
			return err
		}
	}
	have, err := w.present(ctx, "lost answers")
	if err != nil {
		return err
	}
	w.undoubled("lost answers")
	w.agrees(have, "lost answers")
	return nil
}
