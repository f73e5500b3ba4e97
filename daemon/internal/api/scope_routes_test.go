package api

// about is whose a route's answer is.
type about string

const (
	anybody about = "anybody" // it needs no token
	daemon  about = "daemon"  // it shows the daemon as a whole: only tokens without a limit
	item    about = "item"    // of one place: the same as an unknown one for whoever does not see it
	lists   about = "list"    // what the token sees and nothing else
	nothing about = "nothing" // it holds nothing of anybody
)

// routeRow says of one route who may use it and what it must not show. Path and body name what is a place's in braces.
type routeRow struct {
	powers string // of submit, read and admin those that open it
	of     about
	path   string // with what fills its path; "" is the pattern's own
	query  string // of an item: what it asks for
	body   string
	// within are how an item's own token, and one for an unknown place, are answered; 0 is any 2xx and 404.
	own, unknown int
}

const (
	everyone = "submit read admin"
	readers  = "read admin"
	handing  = "submit admin"
	admin    = "admin"

	documentOf = `{"connection":"{connection}","external_id":"new-{external}","job":"{job}","person":{"first_name":"Ada","last_name":"Example",` +
		`"emails":[{"address":"ada@example.com"}]},"application_url":"https://talent.example.com/a/1"}`
)

// routeRows has a row for every route: TestScope_NobodySeesWhatIsNotTheirs fails for one that nobody thought about.
var routeRows = map[string]routeRow{
	"GET /v1/openapi.json": {everyone, anybody, "", "", "", 0, 0},

	"GET /v1/docs":           {everyone, anybody, "", "", "", 0, 0},
	"GET /v1/docs/reference": {everyone, anybody, "", "", "", 0, 0},
	"GET /v1/docs/style.css": {everyone, anybody, "", "", "", 0, 0},

	"GET /v1/version":  {everyone, nothing, "", "", "", 0, 0},
	"GET /v1/adapters": {readers, nothing, "", "", "", 0, 0},

	"GET /v1/adapters/{adapter}": {readers, nothing, "/v1/adapters/fake", "", "", 0, 0},

	"GET /v1/audit":                {admin, daemon, "", "", "", 0, 0},
	"GET /v1/schedule":             {readers, daemon, "", "", "", 0, 0},
	"POST /v1/schedule/{pass}/run": {admin, daemon, "/v1/schedule/status/run", "", "", 0, 0},
	"GET /v1/runs":                 {readers, daemon, "", "", "", 0, 0},
	"POST /v1/reload":              {admin, daemon, "", "", "", 0, 0},
	"GET /v1/keys":                 {admin, daemon, "", "", "", 0, 0},
	"POST /v1/keys/rotate":         {admin, daemon, "", "", "", 0, 0},
	"GET /v1/log-level":            {admin, daemon, "", "", "", 0, 0},
	"GET /v1/diagnostics":          {admin, daemon, "", "", "", 0, 0},
	"PUT /v1/log-level":            {admin, daemon, "", "", `{"level":"debug"}`, 0, 0},
	"GET /v1/tokens":               {admin, daemon, "", "", "", 0, 0},
	"POST /v1/tokens":              {admin, daemon, "", "", `{"name":"a wider one","scopes":["admin"]}`, 0, 0},
	"GET /v1/tokens/{token}":       {admin, daemon, "/v1/tokens/none", "", "", 404, 0},
	"DELETE /v1/tokens/{token}":    {admin, daemon, "/v1/tokens/none", "", "", 404, 0},
	"GET /v1/connect-links":        {admin, lists, "", "", "", 0, 0},
	"POST /v1/connect-links":       {admin, item, "", "", `{"connection":"{connection}"}`, 0, 0},

	"DELETE /v1/connect-links/{connect_link}": {admin, nothing, "/v1/connect-links/none", "", "", 404, 404},

	"POST /v1/console/links":        {admin, daemon, "", "", "", 0, 0},
	"GET /v1/webhooks":              {readers, daemon, "", "", "", 0, 0},
	"POST /v1/webhooks":             {admin, daemon, "", "", `{"url":"https://hooks.example.com/"}`, 0, 0},
	"GET /v1/webhooks/{webhook}":    {readers, daemon, "/v1/webhooks/none", "", "", 404, 0},
	"PATCH /v1/webhooks/{webhook}":  {admin, daemon, "/v1/webhooks/none", "", "{}", 404, 0},
	"DELETE /v1/webhooks/{webhook}": {admin, daemon, "/v1/webhooks/none", "", "", 404, 0},

	"POST /v1/backup":            {admin, daemon, "", "", "", 0, 0},
	"GET /v1/restore":            {readers, daemon, "", "", "", 0, 0},
	"POST /v1/restore/release":   {admin, daemon, "", "", `{"all":true}`, 0, 0},
	"POST /v1/restore/reconcile": {admin, daemon, "", "", "", 409, 0},

	"POST /v1/webhooks/{webhook}/pause":                {admin, daemon, "/v1/webhooks/none/pause", "", "{}", 404, 0},
	"POST /v1/webhooks/{webhook}/resume":               {admin, daemon, "/v1/webhooks/none/resume", "", "", 404, 0},
	"POST /v1/webhooks/{webhook}/rotate":               {admin, daemon, "/v1/webhooks/none/rotate", "", "{}", 404, 0},
	"POST /v1/webhooks/{webhook}/test":                 {admin, daemon, "/v1/webhooks/none/test", "", "", 404, 0},
	"POST /v1/webhooks/{webhook}/replay":               {admin, daemon, "/v1/webhooks/none/replay", "", "{}", 404, 0},
	"GET /v1/webhooks/{webhook}/deliveries":            {readers, daemon, "/v1/webhooks/none/deliveries", "", "", 404, 0},
	"GET /v1/webhooks/{webhook}/deliveries/{sequence}": {readers, daemon, "/v1/webhooks/none/deliveries/1", "", "", 404, 0},

	"GET /v1/connections":        {readers, lists, "", "", "", 0, 0},
	"GET /v1/platform-jobs":      {readers, lists, "", "", "", 0, 0},
	"GET /v1/job-links":          {readers, lists, "", "", "", 0, 0},
	"GET /v1/submissions":        {everyone, lists, "", "", "", 0, 0},
	"GET /v1/applications":       {readers, lists, "", "", "", 0, 0},
	"GET /v1/events":             {readers, lists, "", "", "", 0, 0},
	"GET /v1/checkpoints":        {readers, lists, "", "", "", 0, 0},
	"GET /v1/erasures":           {admin, nothing, "", "", "", 0, 0},
	"GET /v1/erasures/{erasure}": {admin, nothing, "/v1/erasures/none", "", "", 404, 404},
	"POST /v1/erasures":          {admin, item, "", "", `{"external_id":"{external}","connection":"{connection}"}`, 0, 0},
	"GET /v1/tasks":              {readers, lists, "", "", "", 0, 0},
	"GET /v1/ledger":             {readers, lists, "", "", "", 0, 0},
	"GET /v1/health":             {readers, lists, "/v1/health?all=true", "", "", 0, 0},

	"POST /v1/connections":                      {admin, item, "", "", `{"account":"{account}","adapter":"fake","fields":{"api_key":"key-new","user":"new"},"dry_run":true}`, 0, 0},
	"GET /v1/connections/{connection}":          {readers, item, "", "", "", 0, 0},
	"PATCH /v1/connections/{connection}":        {admin, item, "", "", `{"name":"changed by another"}`, 0, 0},
	"POST /v1/connections/{connection}/check":   {admin, item, "", "", "", 0, 0},
	"POST /v1/connections/{connection}/repair":  {admin, item, "", "", `{"fields":{"api_key":"key-stolen"}}`, 0, 0},
	"POST /v1/connections/{connection}/pause":   {admin, item, "", "", "{}", 0, 0},
	"POST /v1/connections/{connection}/resume":  {admin, item, "", "", "", 0, 0},
	"POST /v1/connections/{connection}/release": {admin, item, "", "", `{"reason":"operator"}`, 0, 0},
	"GET /v1/connections/{connection}/pools":    {readers, item, "", "", "", 0, 0},
	"DELETE /v1/connections/{connection}":       {admin, item, "", "", "", 0, 0},
	"GET /v1/connections/{connection}/jobs":     {readers, item, "", "", "", 0, 0},
	"GET /v1/connections/{connection}/events":   {readers, item, "", "", "", 0, 0},

	"GET /v1/connections/{connection}/hook":                     {admin, item, "", "", "", 409, 0},
	"POST /v1/connections/{connection}/hook":                    {admin, item, "", "", "", 409, 0},
	"GET /v1/connections/{connection}/vocabulary":               {readers, item, "", "", "", 0, 0},
	"POST /v1/connections/{connection}/jobs/refresh":            {admin, item, "", "", "", 0, 0},
	"GET /v1/connections/{connection}/jobs/{job}/tracking-link": {readers, item, "", "", "", 0, 0},
	"GET /v1/connections/{connection}/suggestions":              {readers, item, "", "", "", 0, 0},
	"POST /v1/connections/{connection}/suggestions/accept":      {admin, item, "", "", "{}", 0, 0},
	"GET /v1/connections/{connection}/job-links/{job}":          {readers, item, "", "", "", 0, 0},
	"PUT /v1/connections/{connection}/job-links/{job}":          {admin, item, "", "", `{"ats_job":"102"}`, 0, 0},
	"DELETE /v1/connections/{connection}/job-links/{job}":       {admin, item, "", "", "", 0, 0},
	"GET /v1/connections/{connection}/job-links/{job}/backlog":  {readers, item, "", "", "", 0, 0},
	"PUT /v1/job-links": {admin, item, "", "", `{"links":[{"connection":"{connection}","platform_job":"{job}","ats_job":"102"}]}`, 0, 200},

	"PUT /v1/platform-jobs":         {admin, item, "", "", `{"jobs":[{"id":"{job}","account":"{account}","title":"Changed"}]}`, 0, 0},
	"POST /v1/platform-jobs:import": {admin, item, "", "", `{"id":"{job}","account":"{account}","title":"Changed"}`, 0, 200},
	"POST /v1/applications:import":  {admin, item, "", "", `{"connection":"{connection}","external_id":"i-{external}","job":"{job}","candidate_id":"1"}`, 0, 200},
	"POST /v1/submissions:resolve":  {admin, item, "", "", `{"connection":"{connection}","external_id":"{external}","action":"give_up"}`, 200, 200},

	"POST /v1/submissions":              {handing, item, "", "", documentOf, 0, 0},
	"POST /v1/submissions:batch":        {handing, item, "", "", documentOf, 0, 200},
	"POST /v1/submissions:preflight":    {handing, item, "", "", documentOf, 0, 0},
	"GET /v1/submissions/{submission}":  {everyone, item, "", "", "", 0, 0},
	"PUT /v1/submissions/{submission}":  {handing, item, "", "", `{"job":"{job}","person":{"first_name":"Eve","last_name":"Example"}}`, 0, 0},
	"GET /v1/applications/{submission}": {readers, item, "", "", "", 404, 0},

	"GET /v1/applications/{submission}/question": {readers, item, "", "", "", 404, 0},
	"POST /v1/applications/{submission}/answer":  {admin, item, "", "", `{"none":true,"version":1}`, 404, 0},

	"POST /v1/submissions/{submission}/hold":    {admin, item, "", "", "", 0, 0},
	"POST /v1/submissions/{submission}/release": {admin, item, "", "", "", 409, 0},
	"POST /v1/submissions/{submission}/retry":   {admin, item, "", "", "", 0, 0},
	"POST /v1/submissions/{submission}/cancel":  {handing, item, "", "", "", 0, 0},
	"POST /v1/submissions/{submission}/resolve": {admin, item, "", "", `{"action":"give_up"}`, 409, 0},
	"POST /v1/submissions/{submission}/find":    {admin, item, "", "", "", 409, 0},
}
