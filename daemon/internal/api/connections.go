package api

import (
	"context"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ConnectRequest connects an account to an ATS account.
type ConnectRequest struct {
	Account string
	Name    string // "" takes the ATS account's name
	Adapter string
	// Fields are the values that the adapter asks for, by name, secret and not.
	Fields           map[string]Secret
	DryRun           bool // check and save nothing
	OnUncertain      string
	ResumeCheck      string
	LastNameFallback string
	NoteTemplate     string
	StatusOverrides  []StatusOverride
}

// UpdateRequest changes what is not nil. Version 0 matches any.
type UpdateRequest struct {
	Version          int64
	Name             *string
	OnUncertain      *string
	ResumeCheck      *string
	LastNameFallback *string
	NoteTemplate     *string
	StatusOverrides  *[]StatusOverride
	// Fields change settings; "" returns to the default.
	Fields map[string]string
}

// RepairRequest gives new credentials to a connection; fields that are left out are kept.
type RepairRequest struct {
	Version int64
	Fields  map[string]Secret
	// OtherAccount is what the refusal named as reached.identity: that user or ATS account is meant.
	OtherAccount string
}

// connectBody is a ConnectRequest on the wire, where its secrets are plain.
type connectBody struct {
	Account          string                   `json:"account" minLength:"1" maxLength:"255" doc:"the platform's id of the employer"`
	Name             string                   `json:"name,omitempty" maxLength:"255" doc:"a label; the ATS account's name when empty"`
	Adapter          string                   `json:"adapter" minLength:"1" maxLength:"64"`
	Fields           map[string]string        `json:"fields" doc:"the values that the adapter asks for, by name"`
	DryRun           bool                     `json:"dry_run,omitempty" doc:"check and save nothing"`
	OnUncertain      string                   `json:"on_uncertain,omitempty" enum:"hold,resend"`
	ResumeCheck      string                   `json:"resume_check,omitempty" enum:"answered,strict,off" doc:"what a look at a resume's address decides, just before the application is sent; the daemon's setting when empty"`
	LastNameFallback string                   `json:"last_name_fallback,omitempty" maxLength:"300"`
	NoteTemplate     string                   `json:"note_template,omitempty" maxLength:"65536"`
	StatusOverrides  []atssync.StatusOverride `json:"status_overrides,omitempty" maxItems:"1000"`
}

type updateBody struct {
	Name             *string                   `json:"name,omitempty" maxLength:"255"`
	OnUncertain      *string                   `json:"on_uncertain,omitempty" enum:"hold,resend"`
	ResumeCheck      *string                   `json:"resume_check,omitempty" enum:"answered,strict,off"`
	LastNameFallback *string                   `json:"last_name_fallback,omitempty" maxLength:"300"`
	NoteTemplate     *string                   `json:"note_template,omitempty" maxLength:"65536"`
	StatusOverrides  *[]atssync.StatusOverride `json:"status_overrides,omitempty" maxItems:"1000"`
	Fields           map[string]string         `json:"fields,omitempty" doc:"settings; empty text returns to the default"`
}

type repairBody struct {
	Fields       map[string]string `json:"fields" doc:"new credentials and settings; those left out are kept"`
	OtherAccount string            `json:"other_account,omitempty" maxLength:"255" doc:"the reached.identity of the refusal: that user or ATS account is meant"`
}

type pauseBody struct {
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"for whoever looks at it later"`
}

// ConnectionPath is the path of what belongs to one connection.
type ConnectionPath struct {
	ID string `path:"connection" maxLength:"255" doc:"id of the connection"`
}

type oneConnection struct {
	ConnectionPath
	IfMatch
}

func (s *server) connections() {
	const one = "/v1/connections/{connection}"
	register(s, get("/v1/connections", "list-connections", "List connections with their health").by(reads), s.listConnections)
	register(s, post("/v1/connections", "connect", "Check credentials against the ATS and save the connection").
		answers(http.StatusCreated).or(http.StatusOK).slowly().by(admins), s.connect)
	register(s, get(one, "read-connection", "Read one connection, by id or name").by(reads), s.readConnection)
	register(s, patch(one, "update-connection", "Change a connection").slowly().by(admins), s.updateConnection)
	register(s, del(one, "remove-connection", "Destroy the credentials and cancel what waits").by(admins), s.removeConnection)
	register(s, post(one+"/check", "check-connection", "Check the connection against the ATS now").slowly().by(admins), s.checkConnection)
	register(s, post(one+"/repair", "repair-connection", "Give it new credentials, after checking them").slowly().by(admins), s.repairConnection)
	register(s, post(one+"/pause", "pause-connection", "Hold what is queued and read nothing").by(admins), s.pauseConnection)
	register(s, post(one+"/resume", "resume-connection", "End a pause").by(admins), s.resumeConnection)
	register(s, get(one+"/pools", "list-pools", "List the ATS's prospect pools").slowly().by(reads), s.pools)
	register(s, get(one+"/vocabulary", "list-vocabulary", "List the words that the ATS account uses").slowly().by(reads), s.vocabulary)
}

type connectionList struct {
	Account string `query:"account"`
	Adapter string `query:"adapter"`
	Name    string `query:"name"`
	State   string `query:"state" enum:"active,paused,removed" doc:"removed ones are left out unless asked for"`
	Paging
}

func (s *server) listConnections(ctx context.Context, in *connectionList) (*body[Page[Connection]], error) {
	return answer(s.manage(ctx).Connections(ctx, atssync.ConnectionQuery{
		Account: in.Account, Adapter: in.Adapter, Name: in.Name, State: atssync.ConnectionState(in.State),
		Paging: atssync.Paging(in.Paging),
	}))
}

type connectAnswer struct {
	Status       int
	ETag         string `header:"ETag" doc:"the connection's version, for If-Match"`
	CacheControl string `header:"Cache-Control"`
	Body         Connected
}

func (s *server) connect(ctx context.Context, in *struct{ Body connectBody }) (*connectAnswer, error) {
	b := in.Body
	res, err := s.manage(ctx).Connect(ctx, manage.ConnectRequest{
		Account: b.Account, Name: b.Name, Adapter: b.Adapter, Fields: secrets(b.Fields), Operator: callerOf(ctx).Operator,
		DryRun: b.DryRun, OnUncertain: atssync.OnUncertain(b.OnUncertain), ResumeCheck: atssync.ResumeCheck(b.ResumeCheck),
		LastNameFallback: b.LastNameFallback,
		NoteTemplate:     b.NoteTemplate, StatusOverrides: b.StatusOverrides,
	})
	if err != nil {
		return nil, err
	}
	status := http.StatusCreated
	if res.DryRun || res.Revived {
		status = http.StatusOK
	}
	return &connectAnswer{status, etag(res.Connection.Version), "no-store", Connected{res, hookOf(res.Hook)}}, nil
}

func (s *server) readConnection(ctx context.Context, in *ConnectionPath) (*versioned[Connection], error) {
	c, err := s.manage(ctx).Connection(ctx, in.ID)
	return answerVersion(c, c.Version, err)
}

type updateInput struct {
	ConnectionPath
	IfMatch
	Body updateBody
}

func (s *server) updateConnection(ctx context.Context, in *updateInput) (*versioned[Connection], error) {
	v, err := in.version()
	if err != nil {
		return nil, err
	}
	req := manage.UpdateRequest{
		Version: v, Name: in.Body.Name, LastNameFallback: in.Body.LastNameFallback, NoteTemplate: in.Body.NoteTemplate,
		StatusOverrides: in.Body.StatusOverrides, Fields: secrets(in.Body.Fields), Operator: callerOf(ctx).Operator,
	}
	if in.Body.OnUncertain != nil {
		policy := atssync.OnUncertain(*in.Body.OnUncertain)
		req.OnUncertain = &policy
	}
	if in.Body.ResumeCheck != nil {
		how := atssync.ResumeCheck(*in.Body.ResumeCheck)
		req.ResumeCheck = &how
	}
	c, err := s.manage(ctx).Update(ctx, in.ID, req)
	return answerVersion(c, c.Version, err)
}

func (s *server) removeConnection(ctx context.Context, in *oneConnection) (*body[Connection], error) {
	v, err := in.version()
	if err != nil {
		return nil, err
	}
	return answer(s.manage(ctx).Remove(ctx, in.ID, v))
}

func (s *server) checkConnection(ctx context.Context, in *ConnectionPath) (*body[CheckView], error) {
	return answer(s.manage(ctx).Check(ctx, in.ID))
}

type repairInput struct {
	ConnectionPath
	IfMatch
	Body repairBody
}

func (s *server) repairConnection(ctx context.Context, in *repairInput) (*versioned[ConnectResult], error) {
	v, err := in.version()
	if err != nil {
		return nil, err
	}
	res, err := s.manage(ctx).Repair(ctx, in.ID, manage.RepairRequest{
		Version: v, Fields: secrets(in.Body.Fields), Operator: callerOf(ctx).Operator, OtherAccount: in.Body.OtherAccount,
	})
	return answerVersion(res, res.Connection.Version, err)
}

type pauseInput struct {
	ConnectionPath
	IfMatch
	Body pauseBody
}

func (s *server) pauseConnection(ctx context.Context, in *pauseInput) (*versioned[Connection], error) {
	v, err := in.version()
	if err != nil {
		return nil, err
	}
	c, err := s.manage(ctx).Pause(ctx, in.ID, in.Body.Reason, v)
	return answerVersion(c, c.Version, err)
}

func (s *server) resumeConnection(ctx context.Context, in *oneConnection) (*versioned[Connection], error) {
	v, err := in.version()
	if err != nil {
		return nil, err
	}
	c, err := s.manage(ctx).Resume(ctx, in.ID, v)
	return answerVersion(c, c.Version, err)
}

// list is an answer of everything there is; it has no next.
type list[T any] struct {
	Items []T `json:"items"`
}

func answerList[T any](items []T, err error) (*body[list[T]], error) {
	if items == nil {
		items = []T{}
	}
	return answer(list[T]{items}, err)
}

func (s *server) pools(ctx context.Context, in *ConnectionPath) (*body[list[Pool]], error) {
	return answerList(s.manage(ctx).Pools(ctx, in.ID))
}

func (s *server) vocabulary(ctx context.Context, in *ConnectionPath) (*body[list[Term]], error) {
	return answerList(s.manage(ctx).Vocabulary(ctx, in.ID))
}

func secrets(in map[string]string) map[string]sdk.Secret {
	out := make(map[string]sdk.Secret, len(in))
	for k, v := range in {
		out[k] = sdk.Secret(v)
	}
	return out
}

func revealed(in map[string]Secret) map[string]string {
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[k] = v.Reveal()
	}
	return out
}

func connectionPath(id string) string { return "/v1/connections/" + segment(id) }

// Connections lists connections.
func (c *Client) Connections(ctx context.Context, q ConnectionQuery) (Page[Connection], error) {
	return call[Page[Connection]](ctx, c, request{
		path: "/v1/connections", query: query{}.set("account", q.Account).set("adapter", q.Adapter).set("name", q.Name).
			set("state", string(q.State)).page(q.Paging),
	})
}

// Connection returns one connection, by id or name.
func (c *Client) Connection(ctx context.Context, id string) (Connection, error) {
	return call[Connection](ctx, c, request{path: connectionPath(id)})
}

// Connect checks credentials and saves the connection when the ATS accepts them. What the check found against them is an
// *Error with the code check_failed and Checks.
func (c *Client) Connect(ctx context.Context, r ConnectRequest) (Connected, error) {
	return call[Connected](ctx, c, request{method: http.MethodPost, path: "/v1/connections", json: connectBody{
		Account: r.Account, Name: r.Name, Adapter: r.Adapter, Fields: revealed(r.Fields), DryRun: r.DryRun,
		OnUncertain: r.OnUncertain, ResumeCheck: r.ResumeCheck, LastNameFallback: r.LastNameFallback, NoteTemplate: r.NoteTemplate,
		StatusOverrides: r.StatusOverrides,
	}})
}

// UpdateConnection changes a connection.
func (c *Client) UpdateConnection(ctx context.Context, id string, r UpdateRequest) (Connection, error) {
	return call[Connection](ctx, c, request{
		method: http.MethodPatch, path: connectionPath(id), ifMatch: r.Version, json: updateBody{
			Name: r.Name, OnUncertain: r.OnUncertain, ResumeCheck: r.ResumeCheck, LastNameFallback: r.LastNameFallback, NoteTemplate: r.NoteTemplate,
			StatusOverrides: r.StatusOverrides, Fields: r.Fields,
		},
	})
}

// CheckConnection checks a connection now.
func (c *Client) CheckConnection(ctx context.Context, id string) (CheckView, error) {
	return call[CheckView](ctx, c, request{method: http.MethodPost, path: connectionPath(id) + "/check"})
}

// RepairConnection gives a connection new credentials.
func (c *Client) RepairConnection(ctx context.Context, id string, r RepairRequest) (ConnectResult, error) {
	return call[ConnectResult](ctx, c, request{
		method: http.MethodPost, path: connectionPath(id) + "/repair", ifMatch: r.Version,
		json: repairBody{Fields: revealed(r.Fields), OtherAccount: r.OtherAccount},
	})
}

// PauseConnection holds what is queued and reads nothing until ResumeConnection.
func (c *Client) PauseConnection(ctx context.Context, id, reason string, version int64) (Connection, error) {
	return call[Connection](ctx, c, request{
		method: http.MethodPost, path: connectionPath(id) + "/pause", ifMatch: version, json: pauseBody{reason},
	})
}

// ResumeConnection ends a pause.
func (c *Client) ResumeConnection(ctx context.Context, id string, version int64) (Connection, error) {
	return call[Connection](ctx, c, request{method: http.MethodPost, path: connectionPath(id) + "/resume", ifMatch: version})
}

// RemoveConnection destroys a connection's credentials and cancels what waits. Its keys, receipts and numbers stay.
func (c *Client) RemoveConnection(ctx context.Context, id string) (Connection, error) {
	return call[Connection](ctx, c, request{method: http.MethodDelete, path: connectionPath(id)})
}

// Pools lists the prospect pools of a connection's ATS account.
func (c *Client) Pools(ctx context.Context, connection string) ([]Pool, error) {
	l, err := call[list[Pool]](ctx, c, request{path: connectionPath(connection) + "/pools"})
	return l.Items, err
}

// Vocabulary lists the words that a connection's ATS account uses.
func (c *Client) Vocabulary(ctx context.Context, connection string) ([]Term, error) {
	l, err := call[list[Term]](ctx, c, request{path: connectionPath(connection) + "/vocabulary"})
	return l.Items, err
}
