package simulator

import (
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds what one request may carry.
const maxBody = 32 << 20

// servePartner runs one request to the partner API through its stations: faults before the write, authentication, the handler,
// the log, faults after the write.
func (s *Server) servePartner(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, partnerPath), "/")
	cred := credentialsOf(r)
	e := s.employerOf(cred)
	name := ""
	if e != nil {
		name = e.name
	}
	x := &exchange{server: s, employer: e, w: w, r: r, faults: s.throwFaults(name, path, r.Method)}
	x.entry = Request{
		At: time.Now().UTC(), Employer: name, User: cred.onBehalfOf, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		Faults: x.faults.names,
	}
	if x.faults.down {
		x.cut()
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		x.bodyLost(err)
		return
	}
	x.entry.Body = body
	s.wait(x.faults.delay)
	if x.before() {
		return
	}
	x.finish(x.handle(path, cred, body))
}

// exchange is one request and what becomes of it.
type exchange struct {
	server   *Server
	employer *Employer
	w        http.ResponseWriter
	r        *http.Request
	faults   *firedFaults
	entry    Request
}

func (x *exchange) switches() *Switches {
	if x.employer != nil {
		return x.employer.switches.Load()
	}
	return x.server.switches.Load()
}

// before lets a fault end the request while nothing is written; true when it did.
func (x *exchange) before() bool {
	if f := x.faults.before; f != nil {
		switch f.Kind {
		case FaultErrorBefore:
			x.reply(x.failure(f))
		case FaultRateLimited:
			x.reply(x.tooMany(f.Reply, time.Duration(f.RetryAfter)))
		case FaultHang:
			x.hang()
		default:
			x.cut()
		}
		return true
	}
	sw := x.switches()
	if x.employer == nil || sw.RateLimit == 0 || sw.RateLimitReply == RateNever {
		return false
	}
	fits, wait := x.employer.limiter.take(sw.RateLimit, sw.RateWindow, time.Now())
	if !fits {
		x.reply(x.tooMany("", wait))
	}
	return !fits
}

func (x *exchange) handle(path string, cred credentials, body []byte) reply {
	sw := x.switches()
	if x.employer == nil {
		return refusal(sw, http.StatusUnauthorized, "Unauthorized")
	}
	who, refused := x.employer.authenticate(cred, sw, x.faults)
	if refused != nil {
		return *refused
	}
	if who.user != nil && cred.token != "" {
		x.entry.User = who.email
	}
	c := &call{
		server: x.server, employer: x.employer, caller: who, sw: sw, method: x.r.Method, body: body, faults: x.faults,
		base: "http://" + x.r.Host,
	}
	if x.r.URL.RawQuery != "" {
		c.query = x.r.URL.Query()
	}
	return c.answer(path)
}

// finish lets a fault spoil an answer whose write was applied, or sends it.
func (x *exchange) finish(r reply) {
	x.entry.Applied, x.entry.Created = r.applied, r.created
	x.server.wait(x.faults.delayAfter)
	f := x.faults.after
	if f == nil {
		x.reply(r)
		return
	}
	switch f.Kind {
	case FaultErrorAfter:
		x.reply(x.failure(f))
	case FaultHTMLBody:
		x.reply(htmlReply(orElse(f.Status, http.StatusOK)))
	case FaultEmptyBody:
		x.reply(reply{status: orElse(f.Status, http.StatusOK), contentType: typeJSON})
	case FaultNoList:
		x.reply(jsonReply(http.StatusOK, map[string]any{}))
	case FaultTruncatedBody:
		x.truncate(r)
	case FaultHangAfter:
		x.hang()
	default:
		x.cut()
	}
}

func (x *exchange) failure(f *liveFault) reply {
	shape := f.Body
	if shape == "" {
		shape = x.switches().ErrorBody
	}
	status := http.StatusServiceUnavailable
	if shape == ErrorHTML {
		status = http.StatusBadGateway
	}
	return shapedError(shape, orElse(f.Status, status), FieldError{Message: "Something went wrong on our side"})
}

func (x *exchange) tooMany(look RateLimitReply, wait time.Duration) reply {
	sw := x.switches()
	if look == "" {
		look = sw.RateLimitReply
	}
	seconds := strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))
	switch look {
	case RatePlainText:
		return reply{status: http.StatusTooManyRequests, contentType: typeText, body: []byte("Retry later")}
	case RateNoHeader:
		return refusal(sw, http.StatusTooManyRequests, "Too many requests")
	default:
		return refusal(sw, http.StatusTooManyRequests, "Too many requests").with("Retry-After", seconds)
	}
}

// reply logs the request and sends the answer, in this order: who has the answer finds the request in the log.
func (x *exchange) reply(r reply) {
	x.entry.Status = r.status
	x.record()
	r.send(x.w)
}

// bodyLost answers a body that is too long, and gives up on one that broke off.
func (x *exchange) bodyLost(err error) {
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		x.reply(refusal(x.switches(), http.StatusRequestEntityTooLarge, "The request is too large"))
		return
	}
	x.record()
	panic(http.ErrAbortHandler)
}

// truncate promises the whole body and sends half of it.
func (x *exchange) truncate(r reply) {
	x.entry.Status = r.status
	x.record()
	x.w.Header().Set("Content-Length", strconv.Itoa(len(r.body)))
	r.body = r.body[:len(r.body)/2]
	r.send(x.w)
	// Without a flush the half would stay in the buffer and the client would see a plain cut.
	_ = http.NewResponseController(x.w).Flush()
	panic(http.ErrAbortHandler)
}

// hang holds the connection until the client goes away or the simulator ends, then closes it.
func (x *exchange) hang() {
	x.record()
	select {
	case <-x.r.Context().Done():
	case <-x.server.life.Done():
	}
	panic(http.ErrAbortHandler)
}

// cut closes the connection without an answer, with a reset where the transport has one. Where there is no connection to take
// over (a recorder in a test, HTTP/2) the handler aborts by http.ErrAbortHandler.
func (x *exchange) cut() {
	x.record()
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Without the linger time the close would be an orderly one.
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (x *exchange) record() {
	x.entry.Seq = x.server.sequence.Add(1)
	if x.server.options.ForgetBodies {
		x.entry.Body = nil
	}
	if x.employer != nil {
		x.employer.log.add(x.entry)
		return
	}
	x.server.strangers.add(x.entry)
}

// wait holds a request for a while; the end of the simulator ends the wait. A client that goes away does not: a real server
// that is slow applies what it was sent.
func (s *Server) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.life.Done():
	}
}

func orElse(v, other int) int {
	if v != 0 {
		return v
	}
	return other
}
