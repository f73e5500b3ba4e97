// Package sdk is the contract between atssync and its adapters: the types that cross the process border,
// the powers an adapter may have, and the errors it answers with. It uses the standard library only, so
// that an adapter's author compiles nothing of the daemon.
//
// The flow: an adapter's main calls serve.Main with a value that implements Adapter and the powers it
// announces in its Manifest; the daemon starts that program through host.Launch and calls the same
// interfaces over gRPC. The daemon owns listeners, clocks, retries, limits and storage; the adapter owns
// URLs, encodings and the classification of what the ATS answered.
package sdk

import "context"

// ContractVersion is the version of this contract, negotiated at start as the plugin protocol version.
// While it is 0.x on paper the number stays 1 on the wire and only grows when an old host could not
// speak to a new adapter.
const ContractVersion = 1

// Adapter is what every adapter is: it describes itself and checks a connection. Everything else is an
// optional power, one interface each, announced in Manifest.Powers and never guessed by the host.
//
// Every method may be called concurrently, for different connections and for the same one. Each call
// carries the connection it is for; an adapter caches only what it can rebuild (sessions), never limits,
// cursors or tokens. Methods return a *Error for everything they can classify; any other error travels
// as KindInternal. A cancelled context must end the call soon.
type Adapter interface {
	// Describe returns the manifest. It reads nothing from the network and needs no connection.
	Describe(ctx context.Context, req DescribeRequest) (Manifest, error)
	// Check looks at one connection with its credentials and says what works, what does not, whose turn
	// it is and what to do. What the ATS refuses is a failed CheckItem, not an error; an error means that
	// the check itself could not be made (the ATS is down, a limit).
	Check(ctx context.Context, req CheckRequest) (CheckReply, error)
}

// JobLister has PowerListJobs.
type JobLister interface {
	// ListJobs returns one page of the jobs that the connection's acting user may see.
	ListJobs(ctx context.Context, req ListJobsRequest) (ListJobsReply, error)
}

// Submitter has PowerSubmit.
type Submitter interface {
	// Submit puts applications into the ATS: at most Manifest.Batch.Submit items a call, one outcome an
	// item in the same order. It never sends one item twice, never retries and never follows a redirect.
	// An error (instead of outcomes) holds for all items of the call. An outcome or an error says
	// NotApplied only when the adapter can prove that nothing was written.
	Submit(ctx context.Context, req SubmitRequest) (SubmitReply, error)
}

// StatusReader has PowerReadStatuses.
type StatusReader interface {
	// ReadStatuses looks up at most Manifest.Batch.ReadStatuses applications. What the ATS does not
	// show is left out of the reply; it is not an error.
	ReadStatuses(ctx context.Context, req ReadStatusesRequest) (ReadStatusesReply, error)
}

// ChangeReader has PowerChanges.
type ChangeReader interface {
	// Changes returns one page of what changed since the cursor; a stale cursor is KindCursorExpired.
	Changes(ctx context.Context, req ChangesRequest) (ChangesReply, error)
}

// Finder has PowerFind.
type Finder interface {
	// Find looks for one submission whose outcome is not known. An empty reply means that the ATS was
	// asked and knows nothing.
	Find(ctx context.Context, req FindRequest) (FindReply, error)
}

// WebhookHandler has PowerHandleWebhook.
type WebhookHandler interface {
	// HandleWebhook verifies the raw bytes that arrived and names what was touched. It does not call the
	// ATS. A forged or unreadable call is answered by the reply, with nothing touched.
	HandleWebhook(ctx context.Context, req WebhookRequest) (WebhookReply, error)
}

// PoolLister has PowerListPools.
type PoolLister interface {
	// ListPools returns the prospect pools with their stages in the configured order.
	ListPools(ctx context.Context, req ListPoolsRequest) (ListPoolsReply, error)
}

// TrackingLinker has PowerTrackingLink.
type TrackingLinker interface {
	// TrackingLink returns the ATS's own link that credits the platform for applications to a job.
	TrackingLink(ctx context.Context, req TrackingLinkRequest) (TrackingLinkReply, error)
}

// VocabularyLister has PowerVocabulary.
type VocabularyLister interface {
	// Vocabulary returns the words (stages, reasons, states) that this connection's ATS account uses.
	Vocabulary(ctx context.Context, req VocabularyRequest) (VocabularyReply, error)
}

// Authorizer has PowerOAuth. The host keeps the tokens and serialises refreshes; the adapter keeps none.
type Authorizer interface {
	// BeginAuth returns the URL where the employer's user agrees.
	BeginAuth(ctx context.Context, req BeginAuthRequest) (BeginAuthReply, error)
	// CompleteAuth turns what came back to the redirect URL into tokens.
	CompleteAuth(ctx context.Context, req CompleteAuthRequest) (TokensReply, error)
	// RefreshAuth returns the new token pair. The old one may be dead from then on.
	RefreshAuth(ctx context.Context, req RefreshAuthRequest) (TokensReply, error)
}

// Power names an optional power of an adapter.
type Power string

// The powers, one method each but for PowerOAuth.
const (
	PowerListJobs      Power = "list_jobs"
	PowerSubmit        Power = "submit"
	PowerReadStatuses  Power = "read_statuses"
	PowerChanges       Power = "changes"
	PowerFind          Power = "find"
	PowerHandleWebhook Power = "handle_webhook"
	PowerListPools     Power = "list_pools"
	PowerTrackingLink  Power = "tracking_link"
	PowerVocabulary    Power = "vocabulary"
	PowerOAuth         Power = "oauth"
)

// Powers lists every power in the order of the contract.
func Powers() []Power {
	return []Power{
		PowerListJobs, PowerSubmit, PowerReadStatuses, PowerChanges, PowerFind,
		PowerHandleWebhook, PowerListPools, PowerTrackingLink, PowerVocabulary, PowerOAuth,
	}
}
