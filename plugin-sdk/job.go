package sdk

// ListJobsRequest asks for one page of jobs; Page is "" for the first and ListJobsReply.Next after that.
type ListJobsRequest struct {
	Connection Connection
	Page       string
}

// ListJobsReply is one page. Complete is true on the last page of a listing that left nothing out.
type ListJobsReply struct {
	Jobs     []Job
	Next     string
	Complete bool
	Meta
}

// JobState is what the ATS says of a job.
type JobState string

// Job states.
const (
	JobOpen     JobState = "open"
	JobUnlisted JobState = "unlisted" // takes applications, shown on no board
	JobClosed   JobState = "closed"
	JobUnknown  JobState = "unknown"
)

// Job is a job as the ATS lists it.
type Job struct {
	ID, Name, RequisitionID, Location, URL string
	State                                  JobState
	RawState                               string
	Confidential                           bool
}

// ListPoolsRequest asks for the prospect pools.
type ListPoolsRequest struct{ Connection Connection }

// ListPoolsReply lists the prospect pools.
type ListPoolsReply struct {
	Pools []Pool
	Meta
}

// Pool is a prospect pool.
type Pool struct {
	ID, Name string
	Stages   []PoolStage
}

// PoolStage is one stage of a pool.
type PoolStage struct{ ID, Name string }

// TrackingLinkRequest asks for a tracking link of one job.
type TrackingLinkRequest struct {
	Connection Connection
	JobID      string
}

// TrackingLinkReply is a tracking link with what the ATS says of it.
type TrackingLinkReply struct {
	URL, JobName, Source, Referrer string
	Meta
}

// VocabularyRequest asks for the words of one connection.
type VocabularyRequest struct{ Connection Connection }

// VocabularyReply lists words, for the editor of status overrides.
type VocabularyReply struct {
	Terms []Term
	Meta
}

// Term is one word that the ATS account uses. Type is "status", "stage" or "reason".
type Term struct{ Type, ID, Name, JobID string }
