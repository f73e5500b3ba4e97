package atssync

import sdk "github.com/atssync/atssync/plugin-sdk"

// Trouble is why a submission or an operation does not go on, for a person.
type Trouble struct {
	Kind    sdk.Kind     `json:"kind,omitempty"`
	Message string       `json:"message,omitempty"`
	Turn    sdk.Turn     `json:"whose_turn,omitempty"`
	Remedy  string       `json:"remedy,omitempty"`
	Fields  []FieldError `json:"fields,omitempty"`
	Status  int          `json:"http_status,omitempty"`
}

// TroubleOf takes from an adapter's error what a person needs. Whose turn it is and what to do are always there: where
// the adapter does not say, its kind does.
func TroubleOf(e *sdk.Error) *Trouble {
	if e == nil {
		return nil
	}
	t := &Trouble{Kind: e.Kind, Message: e.Message, Turn: e.Turn, Remedy: e.Remedy, Status: e.Status}
	turn, remedy := needs(e.Kind)
	if t.Turn == "" {
		t.Turn = turn
	}
	if t.Remedy == "" {
		t.Remedy = remedy
	}
	for _, f := range e.Fields {
		t.Fields = append(t.Fields, FieldError{Path: f.Path, Message: f.Message})
	}
	return t
}

// needs says whose turn it is after an error of that kind, and what that party can do.
func needs(k sdk.Kind) (sdk.Turn, string) {
	switch k {
	case sdk.KindAuth:
		return sdk.TurnEmployer, "make a new credential in the ATS and give it: atssync connections repair"
	case sdk.KindPermission:
		return sdk.TurnEmployer, "give the connection's ATS user the permission in the ATS"
	case sdk.KindConfigRequired:
		return sdk.TurnOperator, "complete the connection's settings: atssync connections show"
	case sdk.KindNotFound, sdk.KindJobClosed:
		return sdk.TurnEmployer, "see whether it is still there in the ATS, or link the platform job to an open job"
	case sdk.KindInvalid, sdk.KindDuplicate, sdk.KindAttachment:
		return sdk.TurnPlatform, "correct the application and send it again under the same external_id"
	case sdk.KindRateLimited, sdk.KindTransient:
		return sdk.TurnATS, "nothing: it is tried again by itself"
	case sdk.KindAmbiguous:
		return sdk.TurnOperator, "look into the ATS to see what became of it"
	case sdk.KindUnsupported:
		return sdk.TurnOperator, "see what the adapter can do: atssync adapters list"
	}
	return sdk.TurnAdapter, "look at the adapter's log and report this to its author"
}
