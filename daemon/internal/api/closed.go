package api

import (
	"reflect"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// closed are the values of the types that have a closed set of them, for the API's description. A test compares them with
// the constants in the code.
var closed = map[reflect.Type][]string{
	reflect.TypeFor[atssync.AcceptResult]():    {"accepted", "revised", "unchanged", "refused", "stopped"},
	reflect.TypeFor[atssync.BacklogMode]():     {"all", "since", "none"},
	reflect.TypeFor[atssync.Code]():            problemCodes(),
	reflect.TypeFor[atssync.ConnectionState](): {"active", "paused", "removed"},
	reflect.TypeFor[atssync.Copy]():            {"held", "partial", "possible", "none"},
	reflect.TypeFor[atssync.ErasedBy]():        {"external_id", "person", "email"},
	reflect.TypeFor[atssync.DeliveryState]():   DeliveryStates(),
	reflect.TypeFor[atssync.EndpointState]():   {"active", "paused", "disabled", "removed"},
	reflect.TypeFor[atssync.EventType]():       EventTypes(),
	reflect.TypeFor[atssync.HealthState]():     {"ok", "failing", "stopped", "canary", "draining"},
	reflect.TypeFor[atssync.HeldReason]():      HeldReasons(),
	reflect.TypeFor[atssync.ManagedBy]():       {"api", "file"},
	reflect.TypeFor[atssync.Mapping]():         {"native", "declared", "override", "inferred", "none"},
	reflect.TypeFor[atssync.OnUncertain]():     {"hold", "resend"},
	reflect.TypeFor[atssync.Operation]():       words(atssync.Operations()),
	reflect.TypeFor[atssync.ResumeCheck]():     {"off", "answered", "strict"},
	reflect.TypeFor[atssync.State]():           States(),
	reflect.TypeFor[atssync.TaskKind]():        {"release", "hold", "cancel"},
	reflect.TypeFor[atssync.TokenPower]():      words(atssync.TokenPowers()),
	reflect.TypeFor[atssync.Visibility]():      {"visible", "not_visible", "deleted", "merged"},
	reflect.TypeFor[manage.WebhookCause]():     {"disabled", "failing", "late", "dead_letters", "paused"},
	reflect.TypeFor[manage.Reason]():           {"same_id", "same_requisition", "same_title", "similar_title"},
	reflect.TypeFor[sdk.As]():                  {"candidate", "prospect"},
	reflect.TypeFor[sdk.Dedupe]():              {"none", "external_id"},
	reflect.TypeFor[sdk.Deletes]():             {"hidden", "visible"},
	reflect.TypeFor[sdk.Find]():                {"none", "external_id", "email_and_job"},
	reflect.TypeFor[sdk.JobState]():            {"open", "unlisted", "closed", "unknown"},
	reflect.TypeFor[sdk.Kind]():                words(sdk.Kinds()),
	reflect.TypeFor[sdk.Phase]():               words(sdk.Phases()),
	reflect.TypeFor[sdk.Power]():               words(sdk.Powers()),
	reflect.TypeFor[sdk.Status]():              Statuses(),
	reflect.TypeFor[sdk.Turn]():                {"employer", "ats", "platform", "operator", "adapter"},
	reflect.TypeFor[sdk.Who]():                 {"employer", "operator"},
}
