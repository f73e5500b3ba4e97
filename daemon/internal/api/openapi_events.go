package api

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// eventData is what an event of a type carries: the schema of its data, which fields of it are always there although others
// of the schema leave them out, and the state that it tells.
type eventData struct {
	schema string
	always []string
	state  atssync.State
}

// carries returns what an event of that type carries.
func carries(t atssync.EventType) eventData {
	noun, _, _ := strings.Cut(string(t), ".")
	switch noun {
	case "submission":
		return submissionData(t)
	case "application":
		d := eventData{schema: "ApplicationEvent"}
		switch t {
		case atssync.EventRekeyed:
			d.always = []string{"previous_application_id"}
		case atssync.EventReopened:
			d.always = []string{"previous_status", "previous_phase"}
		}
		return d
	case "connection":
		return eventData{schema: "ConnectionEvent"}
	case "job", "job_link":
		return eventData{schema: "JobEvent", always: []string{"jobs"}}
	}
	return eventData{}
}

func submissionData(t atssync.EventType) eventData {
	d := eventData{schema: "SubmissionEvent"}
	switch t {
	case atssync.EventSubmitted:
		d.state, d.always = atssync.StateSubmitted, []string{"receipt"}
	case atssync.EventAlreadyApplied:
		d.state, d.always = atssync.StateAlreadyApplied, []string{"receipt"}
	case atssync.EventRefused:
		d.state = atssync.StateRefused
	case atssync.EventHeld:
		d.state, d.always = atssync.StateHeld, []string{"held_reason", "whose_turn", "remedy"}
	case atssync.EventReleased:
		d.state = atssync.StateQueued
	case atssync.EventUncertain:
		d.state = atssync.StateUncertain
	case atssync.EventResolved:
		d.always = []string{"resolved_by"}
	case atssync.EventCancelled:
		d.state = atssync.StateCancelled
	case atssync.EventExpired:
		d.state = atssync.StateExpired
	}
	return d
}

// told is the part of the envelope's schema that says what the data is.
func (d eventData) told() node {
	if d.schema == "" {
		return node{"type": "object", "required": []any{"webhook"}, "properties": node{"webhook": node{"type": "string", "description": fieldWords["webhook"]}}}
	}
	if d.state == "" && len(d.always) == 0 {
		return ref(d.schema)
	}
	parts := []any{ref(d.schema)}
	if d.state != "" {
		parts = append(parts, node{"properties": node{"state": node{"const": d.state}}, "required": []any{"state"}})
	}
	out := node{"allOf": parts}
	if len(d.always) > 0 {
		out["required"] = d.always
	}
	return out
}

// tellEvents writes the schema of each type of event, and what webhooks deliver.
func (s *server) tellEvents(doc node) {
	schemas := at(doc, "components", "schemas")
	plain := at(schemas, "Event")
	delete(plain, "additionalProperties") // a webhook adds to it
	var kinds []any
	mapping := node{}
	for _, t := range append(atssync.EventTypes(), atssync.EventTest) {
		name := eventTypeNamed(t) + "Event"
		e := clone(plain)
		e["title"], e["description"] = string(t), eventWords[string(t)]
		properties := at(e, "properties")
		properties["type"] = node{"const": t, "type": "string", "description": "what happened"}
		data := carries(t).told()
		data["description"] = fieldWords["data"]
		properties["data"] = data
		e["examples"] = []any{EventExample(t)}
		schemas[name] = e
		if t == atssync.EventTest {
			continue // no feed has it
		}
		kinds = append(kinds, ref(name))
		mapping[string(t)] = schemasAt + name
	}
	schemas["Event"] = node{
		"description":   "Something the platform is told. `type` says which form `data` has. Ignore types that you do not know.",
		"oneOf":         kinds,
		"discriminator": node{"propertyName": "type", "mapping": mapping},
	}
	schemas["Delivered"] = node{
		"type":        "object",
		"description": "What a webhook adds to an event.",
		"required":    []any{"endpoint_sequence", "timestamp"},
		"properties": node{
			"endpoint_sequence": node{"type": "integer", "format": "int64", "description": fieldWords["endpoint_sequence"]},
			"timestamp":         node{"type": "string", "format": "date-time", "description": fieldWords["timestamp"]},
		},
	}
	tellWebhooks(doc)
}

// tellWebhooks describes what is sent to webhooks.
func tellWebhooks(doc node) {
	for _, h := range []struct{ name, text, example string }{
		{"webhook-id", "Id of the event, the same in every attempt and replay: take each id once.", "evt_01jd2m6v0nf0r8m2k3q4s5t6v7"},
		{"webhook-timestamp", "When this attempt was signed, in seconds since 1970. Refuse what is older than five minutes.", "1767225600"},
		{"webhook-signature", "One signature for each valid secret, separated by a space: `v1,` and the base64 of the HMAC-SHA-256 of id, timestamp and body, joined by dots.", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
	} {
		at(doc, "components", "parameters")[h.name] = node{
			"name": h.name, "in": "header", "required": true, "description": h.text, "schema": node{"type": "string"}, "example": h.example,
		}
	}
	headers := []any{}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		headers = append(headers, node{"$ref": "#/components/parameters/" + name})
	}
	webhooks := at(doc, "webhooks")
	for _, t := range append(atssync.EventTypes(), atssync.EventTest) {
		body := node{"allOf": []any{ref(eventTypeNamed(t) + "Event"), ref("Delivered")}}
		webhooks[string(t)] = node{"post": node{
			"operationId": "on-" + strings.NewReplacer(".", "-", "_", "-").Replace(string(t)),
			"tags":        []any{"webhooks"},
			"summary":     "Receive " + string(t),
			"description": eventWords[string(t)],
			"security":    []any{},
			"parameters":  headers,
			"requestBody": node{"required": true, "content": node{"application/json": node{"schema": body, "example": Delivered(t)}}},
			"responses": node{
				"2XX":     node{"description": "Taken. Answer within 15 seconds, and work afterwards."},
				"410":     node{"description": "The webhook wants no more, and is disabled."},
				"4XX":     node{"description": "A failure: it is tried again, later and later, for eight days or more. `Retry-After` is heeded."},
				"default": node{"description": "A failure, redirects too."},
			},
		}}
	}
}

// clone copies an object of the description as deep as it is changed here.
func clone(n node) node {
	out := node{}
	for k, v := range n {
		if v, ok := v.(node); ok {
			out[k] = clone(v)
			continue
		}
		out[k] = v
	}
	return out
}

// exampleAt is when the invented events happened.
var exampleAt = time.Date(2026, 1, 14, 9, 30, 0, 0, time.UTC)

// Delivered returns an example of what a webhook gets.
func Delivered(t atssync.EventType) atssync.Envelope {
	e := EventExample(t)
	if t == atssync.EventTest {
		e.Connection, e.Account, e.Sequence = "", "", 0 // and so it has no number at the webhook either
		return atssync.Envelope{Event: e, Timestamp: e.At}
	}
	return atssync.Envelope{Event: e, EndpointSequence: 4711, Timestamp: e.At}
}

// EventExample returns an invented event of a type.
func EventExample(t atssync.EventType) Event {
	e := Event{
		ID: "evt_06d9x2jwk5w7rcm4pyfbxd2s8r", Type: t, Connection: "con_06d9x2ht6hv3vaxd7cqm8zzb0g", Account: "acme", Sequence: 128, At: exampleAt,
	}
	var data any
	switch carries(t).schema {
	case "SubmissionEvent":
		data = submissionExample(t)
	case "ApplicationEvent":
		data = applicationExample(t)
	case "ConnectionEvent":
		data = connectionExample(t)
	case "JobEvent":
		d := atssync.JobEvent{ATSJob: "146859", Name: "Backend Engineer", PlatformJobs: []string{"backend"}, Reason: "the job is missing from three complete lists of open jobs"}
		if t == atssync.EventLinkBroken {
			d.Remedy = "link the platform job to another job of the ATS, or remove the link"
		}
		data = d
	default:
		data = map[string]string{"webhook": "whk_06d9x2k0p3q4r5s6t7v8w9x0y1"}
	}
	e.Data = encoded(data)
	return e
}

var exampleReceipt = atssync.Receipt{
	CandidateID: "57683957", ApplicationID: "69306314", ProfileURL: "https://app.greenhouse.io/people/57683957?application_id=69306314",
}

const exampleSubmission = "sub_06d9x2jmr1n2a4d6q7w8e9r0t4"

func submissionExample(t atssync.EventType) any {
	c := carries(t)
	d := atssync.SubmissionEvent{Submission: exampleSubmission, ExternalID: "app-4711", Job: "backend", State: c.state, Revision: 1}
	switch t {
	case atssync.EventSubmitted, atssync.EventAlreadyApplied:
		d.Receipt = &exampleReceipt
	case atssync.EventRefused:
		d.WhoseTurn, d.Remedy = sdk.TurnPlatform, "send a revision"
		d.Trouble = &atssync.Trouble{Kind: sdk.KindInvalid, Message: "the ATS refuses the data", Turn: sdk.TurnPlatform}
	case atssync.EventHeld:
		d.HeldReason = atssync.HeldJobNotLinked
		d.WhoseTurn, d.Remedy = d.HeldReason.Remedy()
	case atssync.EventResolved:
		d.State, d.ResolvedBy, d.Receipt = atssync.StateSubmitted, "person", &exampleReceipt
	}
	return d
}

func applicationExample(t atssync.EventType) any {
	d := atssync.ApplicationEvent{
		Submission: exampleSubmission, ExternalID: "app-4711", Job: "backend", Revision: 3, Status: sdk.StatusActive, Phase: sdk.PhaseInterview,
		Mapping: atssync.MappingDeclared, Visibility: atssync.Visible, Raw: atssync.RawWords{Status: "active", StageID: "2708728", StageName: "Face to Face"},
		ChangedAt: exampleAt.Add(-4 * time.Minute), ObservedAt: exampleAt, Receipt: exampleReceipt,
	}
	switch t {
	case atssync.EventStatusChanged:
		d.PreviousStatus, d.PreviousPhase = sdk.StatusActive, sdk.PhaseScreen
	case atssync.EventReopened:
		d.PreviousStatus, d.PreviousPhase = sdk.StatusRejected, sdk.PhaseInterview
	case atssync.EventNotVisible:
		d.Visibility, d.Causes = atssync.NotVisible, []string{"the acting user lost access to the job"}
	case atssync.EventRekeyed:
		d.PreviousApplicationID = "69300001"
	case atssync.EventDeleted:
		d.Visibility = atssync.Deleted
	case atssync.EventMerged:
		d.Visibility, d.MergedInto = atssync.Merged, "57680000"
	}
	return d
}

func connectionExample(t atssync.EventType) any {
	_, state, _ := strings.Cut(string(t), ".")
	d := atssync.ConnectionEvent{State: state}
	switch t {
	case atssync.EventConnectionUnhealthy:
		d.Operation, d.Cause, d.Message = atssync.OpSubmit, "auth", "Greenhouse does not accept the key"
		d.WhoseTurn, d.Remedy = string(sdk.TurnEmployer), "make a new key in Greenhouse and repair the connection with it"
	case atssync.EventConnectionHealthy:
		d.Operation, d.Cause = atssync.OpSubmit, "auth"
	case atssync.EventConnectionPaused:
		d.WhoseTurn, d.Remedy = string(sdk.TurnOperator), "resume the connection"
	case atssync.EventConnectionRestored:
		d.LastSequence, d.Message = 4711, "the daemon's data was restored from a backup of 2026-01-31T03:00:00Z: send again what you submitted since"
	}
	return d
}

// encoded is a value of ours as JSON.
func encoded(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // it holds nothing that JSON cannot say
	}
	return b
}
