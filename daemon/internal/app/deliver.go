package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/deliver"
	"github.com/atssync/atssync/daemon/internal/egress"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// allowSetting is how refusals name the list of networks that may be reached.
const allowSetting = "allow_networks of [delivery]"

// pruneShare is how many records of deliveries are forgotten at a time.
const pruneShare = 1000

// webhookDoor makes the door that webhooks leave by.
func webhookDoor(c config.Delivery) (*egress.Client, error) {
	networks, err := egress.ParseNetworks(c.AllowNetworks)
	if err != nil {
		return nil, fmt.Errorf("delivery.allow_networks: %w", err)
	}
	cas, err := certificates("delivery.ca_file", c.CAFile)
	if err != nil {
		return nil, err
	}
	return egress.New(egress.Options{Allow: networks, Setting: allowSetting, CAs: cas, PerHost: 4 * c.MaxInFlight}), nil
}

// certificates are those of a file beside the system's; nil, which is the system's, without a file.
func certificates(key, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // none is the system's own.
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: there is no certificate in %s", key, file)
	}
	return pool, nil
}

// newDeliver makes the worker that sends webhooks.
func (a *App) newDeliver(out *doors) *deliver.Worker {
	c := a.conf().Delivery
	a.registry.MustRegister(deliver.NewStock(a.store))
	return deliver.New(deliver.Options{
		Store: a.store, Leases: &endpointLeases{keeper: a.leases, held: make(map[string]atssync.Lease)}, Secrets: a.manage, Policy: deliverPolicy(a.conf(), out),
		Log: a.log.With("component", "deliver"), Metrics: deliver.NewMetrics(a.registry), Changed: a.fresh.changed,
		InFlight: c.MaxInFlight, UserAgent: "atssync/" + a.version,
	})
}

// startDeliver makes the webhooks of the config file so and lets all of them be sent to.
func (a *App) startDeliver(ctx context.Context) {
	a.tellFile(a.applyWebhooks(ctx, a.conf()))
	a.deliver.Start()
}

func fileWebhooks(c *config.Config) []manage.FileWebhook {
	var out []manage.FileWebhook
	for _, w := range c.Webhooks {
		m := manage.FileWebhook{
			ID: w.ID, URL: w.URL, Secret: sdk.Secret(w.Secret.Reveal()), OldSecret: sdk.Secret(w.OldSecret.Reveal()),
			Accounts: w.Accounts, Connections: w.Connections, Paused: w.Paused,
		}
		for _, t := range w.Types {
			m.Types = append(m.Types, atssync.EventType(t))
		}
		out = append(out, m)
	}
	return out
}

// eventType judges the name of a type of event in the config file.
func eventType(name string) error {
	if !atssync.ValidEventType(atssync.EventType(name)) {
		return errors.New("there is no such type of event; see: atssync events --help")
	}
	return nil
}

// told is called after each commit with events.
func (a *App) told() {
	if a.deliver != nil { // the store is opened first
		a.deliver.Wake()
	}
}

// pruneDeliveries forgets the records of what was delivered long ago.
func (a *App) pruneDeliveries(ctx context.Context) (int, error) {
	total := 0
	for {
		now := clock()
		n, err := a.store.PruneDeliveries(ctx, now.Add(-a.conf().Delivery.KeepDelivered), pruneShare, now)
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}

// delivererOf shows the worker to manage, which is built before it.
type delivererOf struct{ a *App }

func (d delivererOf) Changed(endpoint string) { d.a.deliver.Changed(endpoint) }

func (d delivererOf) Test(ctx context.Context, endpoint string) (atssync.DeliveryAttempt, error) {
	return d.a.deliver.Test(ctx, endpoint)
}

// endpointLeases takes the leases of webhook endpoints when they are asked for; the keeper's heartbeat covers them.
type endpointLeases struct {
	keeper *leaseKeeper
	mu     sync.Mutex
	held   map[string]atssync.Lease
}

// Lease implements deliver.Leases.
func (e *endpointLeases) Lease(endpoint string) (atssync.Lease, bool) {
	if !e.keeper.fresh() {
		return atssync.Lease{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	id := atssync.DeliveryLease(endpoint)
	if l, ok := e.held[id]; ok {
		return l, true
	}
	got, err := e.keeper.store.Acquire(context.Background(), e.keeper.owner, []string{id}, clock())
	if err != nil || len(got) == 0 {
		return atssync.Lease{}, false
	}
	e.held[id] = got[0]
	return got[0], true
}

// Lost implements deliver.Leases.
func (e *endpointLeases) Lost(l atssync.Lease) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.held[l.Connection].Epoch == l.Epoch {
		delete(e.held, l.Connection)
	}
}

// fresh reports whether the heartbeat still covers a new piece of work.
func (k *leaseKeeper) fresh() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Now().Before(k.until.Add(-leaseMargin))
}
