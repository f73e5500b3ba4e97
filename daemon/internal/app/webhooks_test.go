package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
)

const examples = "../../../scripts/examples"

// receiver is one of the example programs that take events in.
type receiver struct {
	t       *testing.T
	program []string
	dir     string
	address string
	env     []string
	out     string // where it prints what it took
	cmd     *exec.Cmd
}

// receivers are the example programs, made ready once for all tests.
var receivers struct {
	once sync.Once
	dir  string
	err  error
}

// ready builds the Go receiver and installs what the Node one needs.
func ready() error {
	receivers.once.Do(func() {
		if receivers.dir, receivers.err = os.MkdirTemp("", "atssync-receivers"); receivers.err != nil {
			return
		}
		run := func(dir, name string, args ...string) {
			if receivers.err != nil {
				return
			}
			cmd := exec.Command(name, args...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				receivers.err = fmt.Errorf("%s %s: %w: %s (scripts/test installs what is missing)", name, strings.Join(args, " "), err, out)
			}
		}
		run(examples, "go", "build", "-o", filepath.Join(receivers.dir, "receiver-go"), "./receiver-go")
		node := filepath.Join(receivers.dir, "node")
		for _, name := range []string{"package.json", "package-lock.json", "receiver.js"} {
			text, err := os.ReadFile(filepath.Join(examples, "receiver-node", name))
			if err == nil {
				err = os.MkdirAll(node, 0o700)
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(node, name), text, 0o600)
			}
			if err != nil && receivers.err == nil {
				receivers.err = err
			}
		}
		run(node, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	})
	return receivers.err
}

// newReceiver returns a receiver with an address of its own that does not run yet.
func newReceiver(t *testing.T, kind, secret, refuse string) *receiver {
	t.Helper()
	require.NoError(t, ready())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &receiver{t: t, address: l.Addr().String(), out: filepath.Join(t.TempDir(), "taken"), dir: receivers.dir}
	require.NoError(t, l.Close()) // it keeps the address over restarts
	r.program = []string{filepath.Join(receivers.dir, "receiver-go")}
	if kind == "node" {
		r.program, r.dir = []string{"node", "receiver.js"}, filepath.Join(receivers.dir, "node")
	}
	r.env = append(os.Environ(), "WEBHOOK_SECRET="+secret, "LISTEN="+r.address, "REFUSE="+refuse)
	t.Cleanup(r.stop)
	return r
}

func (r *receiver) start() {
	r.t.Helper()
	out, err := os.OpenFile(r.out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(r.t, err)
	r.cmd = exec.Command(r.program[0], r.program[1:]...)
	r.cmd.Dir, r.cmd.Env, r.cmd.Stdout = r.dir, r.env, out
	stderr, err := r.cmd.StderrPipe()
	require.NoError(r.t, err)
	require.NoError(r.t, r.cmd.Start())
	require.NoError(r.t, out.Close())
	line, err := bufio.NewReader(stderr).ReadString('\n')
	require.NoError(r.t, err)
	require.Contains(r.t, line, "listening on")
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
}

func (r *receiver) stop() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Signal(syscall.SIGKILL)
	_ = r.cmd.Wait()
	r.cmd = nil
}

// taken reads what the receiver took, over all its lives.
func (r *receiver) taken() []atssync.Envelope {
	r.t.Helper()
	text, err := os.ReadFile(r.out)
	require.NoError(r.t, err)
	var out []atssync.Envelope
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // it is being written, or the receiver was killed over it
		}
		var e atssync.Envelope
		require.NoError(r.t, json.Unmarshal(line, &e), "%s", line)
		out = append(out, e)
	}
	return out
}

// proved holds what a receiver took to the promises: of the events that it is told of every number came, in order within
// each submission, and never an id or a number with another content. Events of skip are expected never to come.
func (r *receiver) proved(events []api.Event, skip string) {
	r.t.Helper()
	content, number := map[string]string{}, map[int64]string{}
	last := map[string]int64{}
	for _, e := range r.taken() {
		b, err := json.Marshal(e)
		require.NoError(r.t, err)
		if was, twice := content[e.ID]; twice { // taken once by each life of the receiver
			require.Equal(r.t, was, string(b), "event %s came with another content", e.ID)
			continue
		}
		content[e.ID] = string(b)
		require.NotContains(r.t, number, e.EndpointSequence)
		number[e.EndpointSequence] = e.ID
		about := submissionOf(e.Event)
		require.Greater(r.t, e.Sequence, last[about], "out of order for %s", about)
		last[about] = e.Sequence
	}
	missing := 0
	for i, e := range events {
		if skip != "" && strings.Contains(string(e.Data), `"external_id":"`+skip+`"`) {
			missing++
			require.NotContains(r.t, content, e.ID)
			continue
		}
		require.Contains(r.t, content, e.ID, "event %d never came", e.Sequence)
		require.Equal(r.t, e.ID, number[int64(i+1)], "the numbers of the endpoint have a gap")
	}
	require.Len(r.t, content, len(events)-missing)
}

func submissionOf(e atssync.Event) string {
	var data struct {
		Submission string `json:"submission"`
	}
	if err := json.Unmarshal(e.Data, &data); err == nil && data.Submission != "" {
		return data.Submission
	}
	return e.Connection
}

const (
	nodeSecret = "whsec_bm9kZS1yZWNlaXZlci1zZWNyZXQtb2YtdGVzdA=="
	goSecret   = "whsec_Z28tcmVjZWl2ZXItc2VjcmV0LW9mLXRlc3RzLS0="
)

// webhooksFile is the part of the config file that sends to both receivers.
func webhooksFile(t *testing.T, node, golang *receiver) string {
	t.Helper()
	dir := t.TempDir()
	for name, secret := range map[string]string{"node": nodeSecret, "go": goSecret} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(secret+"\n"), 0o600))
	}
	return fmt.Sprintf(`
[submissions]
release_pace = 100000
[delivery]
allow_networks = ["127.0.0.1"]
[[webhooks]]
id = "node"
url = "http://%s/hooks"
secret = { file = %q }
[[webhooks]]
id = "go"
url = "http://%s/hooks"
secret = { file = %q }
`, node.address, filepath.Join(dir, "node"), golang.address, filepath.Join(dir, "go"))
}

func TestWebhooks_KilledDaemonAndDeadReceiverLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	const applications, refused = 400, "job-0-00007"
	node, golang := newReceiver(t, "node", nodeSecret, ""), newReceiver(t, "go", goSecret, refused)
	w := newWorld(t, newATS(t), webhooksFile(t, node, golang))
	node.start()
	golang.start()
	w.start()
	c := w.connect(0, "")
	w.submit(c.ID, "job-0", 0, applications/2) // each tells that it is held
	w.kill()
	w.start()
	w.submit(c.ID, "job-0", applications/2, applications/2)
	node.stop()
	w.link(c, "job-0", w.ats.Employers[0].Jobs[0].ID) // each tells that it is released, and then that it was submitted
	w.eventually(20*time.Second, func() bool {
		h, err := w.client.Webhook(t.Context(), "node")
		return err == nil && !h.LastFailureAt.IsZero()
	}, "nobody noticed that the receiver was gone")
	w.kill()
	w.start()
	node.start()
	w.eventually(20*time.Second, func() bool { return len(golang.taken()) > applications }, "nothing is delivered")
	w.kill()
	w.start()
	w.eventually(60*time.Second, func() bool {
		v, err := w.client.Ledger(t.Context(), "", false, "", 500)
		return err == nil && v.Total.States[atssync.StateSubmitted]+v.Total.States[atssync.StateUncertain] == applications
	}, "not everything was submitted")
	total := w.ledger()
	events := allEvents(w, c.ID)
	require.GreaterOrEqual(t, len(events), 1000)
	stuck := int64(0)
	for _, e := range events {
		if strings.Contains(string(e.Data), `"external_id":"`+refused+`"`) {
			stuck++
		}
	}
	require.GreaterOrEqual(t, stuck, int64(3))
	var n, g api.Webhook
	w.eventually(60*time.Second, func() bool {
		_, err := w.client.Replay(t.Context(), "node", api.ReplayRequest{States: []atssync.DeliveryState{atssync.DeliveryPending}}) // now, not in five minutes
		if err == nil {
			n, err = w.client.Webhook(t.Context(), "node")
		}
		if err == nil {
			g, err = w.client.Webhook(t.Context(), "go")
		}
		return err == nil && n.Pending == 0 && n.Behind == 0 && g.Pending == stuck && g.Behind == 0
	}, "the receivers do not get everything")
	require.EqualValues(t, applications, total.Accepted)
	node.proved(events, "")
	golang.proved(events, refused)
	refusedOnes, err := w.client.Deliveries(t.Context(), api.DeliveryQuery{Endpoint: "go", State: atssync.DeliveryPending})
	require.NoError(t, err)
	for i, d := range refusedOnes.Items {
		require.Equal(t, i == len(refusedOnes.Items)-1, d.Attempts > 0, "a later event of the refused application went before an earlier one")
	}
	w.stop()
}

func TestWebhooks_MadeByAPIAreTestedRotatedAndRefusedWhereTheyMayNotGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newATS(t), "[delivery]\nallow_networks = [\"127.0.0.1\"]\n")
	w.start()
	ctx := t.Context()
	for _, url := range []string{"http://hooks.example.com:80/x#y", "https://10.0.0.1/", "https://[::ffff:169.254.169.254]/", "ftp://example.com/", "https://user:pass@example.com/"} {
		_, err := w.client.CreateWebhook(ctx, api.WebhookRequest{URL: url})
		require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err), "%s: %v", url, err)
	}
	r := newReceiver(t, "go", nodeSecret, "")
	made, err := w.client.CreateWebhook(ctx, api.WebhookRequest{URL: "http://" + r.address + "/"})
	require.NoError(t, err)
	a, err := w.client.TestWebhook(ctx, made.ID)
	require.NoError(t, err)
	require.Contains(t, a.Error, "connection refused")
	r.env = append(r.env, "WEBHOOK_SECRET="+made.Secret)
	r.start()
	a, err = w.client.TestWebhook(ctx, made.ID)
	require.NoError(t, err)
	require.Equal(t, 204, a.Status, "%+v", a)

	rotated, err := w.client.RotateWebhook(ctx, made.ID, time.Hour)
	require.NoError(t, err)
	require.NotEqual(t, made.Secret, rotated.Secret)
	require.Len(t, rotated.Secrets, 2)
	a, err = w.client.TestWebhook(ctx, made.ID)
	require.NoError(t, err)
	require.Equal(t, 204, a.Status, "the old secret signs besides")
	_, err = w.client.RotateWebhook(ctx, made.ID, 0)
	require.NoError(t, err)
	a, err = w.client.TestWebhook(ctx, made.ID)
	require.NoError(t, err)
	require.Equal(t, 401, a.Status, "the first secret is over")

	require.NoError(t, w.client.DeleteWebhook(ctx, made.ID))
	_, err = w.client.Webhook(ctx, made.ID)
	require.Equal(t, atssync.CodeNotFound, atssync.CodeOf(err))
	require.NotContains(t, w.log.String(), "whsec_")
	w.stop()
}
