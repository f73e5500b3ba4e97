package sdk

// Client is an adapter as the host sees it, with every power as a method: a power that the manifest does
// not announce answers KindUnsupported. Decorators (limits, deadlines, metrics) are Clients around a Client.
// When the adapter's process is gone before anything was sent, a call fails with an error that is
// ErrNotRunning; when it dies during a call, with a *Error of KindInternal.
type Client interface {
	Adapter
	JobLister
	Submitter
	StatusReader
	ChangeReader
	Finder
	WebhookHandler
	PoolLister
	TrackingLinker
	VocabularyLister
	Authorizer
}
