package console

// about is whose a route's answer is.
type about string

const (
	anybody about = "anybody" // it needs no log-in
	daemon  about = "daemon"  // it shows the daemon as a whole: only who is limited to nothing
	item    about = "item"    // of one place: the same as an unknown one for whoever does not see it
	lists   about = "list"    // what the caller sees and nothing else
	nothing about = "nothing" // it holds nothing of anybody
)

// routeRow says of one route who may use it and what it must not show. Path and form name what is a place's in braces.
type routeRow struct {
	powers string // of submit, read and admin those that open it
	of     about
	path   string // with what fills its path; "" is the pattern's own
	form   string
	// own and unknown are how an item's own log-in, and one for an unknown place, are answered; 0 is 200 or 303, and 404.
	own, unknown int
}

const (
	everyone = "submit read admin"
	readers  = "read admin"
	handing  = "submit admin"
	admin    = "admin"

	connected = "/connections/{connection}"
	applied   = "/submissions/{submission}"
)

// routeRows has a row for every route: a test fails for one that nobody thought about.
var routeRows = map[string]routeRow{
	"GET /login":          {everyone, anybody, "", "", 0, 0},
	"POST /login":         {everyone, anybody, "", "token=x", 0, 0},
	"GET /open/{secret}":  {everyone, anybody, "/open/x", "", 0, 0},
	"POST /open/{secret}": {everyone, anybody, "/open/x", "", 0, 0},
	"POST /logout":        {everyone, anybody, "", "", 0, 0},
	"GET /{$}":            {everyone, anybody, "/", "", 0, 0},

	"GET ":             {everyone, lists, "", "", 0, 0},
	"GET /connections": {readers, lists, "", "", 0, 0},
	"GET /submissions": {everyone, lists, "", "", 0, 0},
	"GET /events":      {readers, lists, "", "", 0, 0},

	"GET " + connected:                    {readers, item, "", "", 0, 0},
	"GET " + connected + "/settings":      {admin, item, "", "", 0, 0},
	"POST " + connected + "/settings":     {admin, item, "", "version=1&name=changed&fields.user=ada&on_uncertain=hold&resume_check=answered", 0, 0},
	"GET " + connected + "/repair":        {admin, item, "", "", 0, 0},
	"POST " + connected + "/repair":       {admin, item, "", "version=1&fields.api_key=key-stolen", 0, 0},
	"POST " + connected + "/check":        {admin, item, "", "", 0, 0},
	"POST " + connected + "/pause":        {admin, item, "", "version=1", 0, 0},
	"POST " + connected + "/resume":       {admin, item, "", "version=1", 0, 0},
	"POST " + connected + "/release":      {admin, item, "", "reason=operator", 0, 0},
	"POST " + connected + "/hook":         {admin, item, "", "", 0, 0},
	"GET " + connected + "/jobs":          {readers, item, "", "", 0, 0},
	"POST " + connected + "/jobs":         {admin, item, "", "job=other-of-{job}&ats=102&backlog=all", 0, 0},
	"POST " + connected + "/jobs/refresh": {admin, item, "", "", 0, 0},
	"POST " + connected + "/jobs/unlink":  {admin, item, "", "job={job}&version=1", 0, 0},
	"GET " + connected + "/exchanges":     {readers, item, "", "", 0, 0},
	"GET /connect-link":                   {admin, item, "/connect-link?connection={connection}", "", 0, 0},
	"POST /connect-link":                  {admin, item, "", "connection={connection}", 0, 0},
	"GET /connect-links":                  {admin, lists, "", "", 0, 0},

	"POST /connect-links/{connect_link}/revoke": {admin, item, "", "", 0, 0},

	"POST /submissions":            {handing, item, "", "act=cancel&submission={submission}", 200, 200},
	"GET " + applied:               {everyone, item, "", "", 0, 0},
	"POST " + applied:              {everyone, item, "", "", 0, 0},
	"POST " + applied + "/act":     {handing, item, "", "act=cancel", 0, 0},
	"POST " + applied + "/resolve": {admin, item, "", "action=give_up", 409, 0},

	"GET /webhooks":                      {readers, daemon, "", "", 0, 0},
	"GET /webhooks/{webhook}":            {readers, daemon, "/webhooks/none", "", 404, 0},
	"POST /webhooks/{webhook}/act":       {admin, daemon, "/webhooks/none/act", "act=test", 404, 0},
	"GET /webhooks/{webhook}/{sequence}": {readers, daemon, "/webhooks/none/1", "", 404, 0},
	"GET /passes":                        {readers, daemon, "", "", 0, 0},
	"POST /passes/{pass}":                {admin, daemon, "/passes/status", "", 0, 0},
	"GET /adapters":                      {readers, nothing, "", "", 0, 0},
	"GET /audit":                         {admin, daemon, "", "", 0, 0},
	"GET /tokens":                        {admin, daemon, "", "", 0, 0},
	"POST /tokens/{token}/revoke":        {admin, daemon, "/tokens/none/revoke", "", 404, 0},
}
