package simulator

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Switch describes one open question: its name, its variants and what each does. The first variant is the default.
type Switch struct {
	// Row numbers the questions as the list of open questions does; 0 marks one of the simulator's own.
	Row      int       `json:"row"`
	Name     string    `json:"name"`
	Question string    `json:"question"`
	Default  any       `json:"default"`
	Variants []Variant `json:"variants"`

	set func(*Switches, json.RawMessage) error
	get func(*Switches) any
}

// Variant is one answer. For numbers and durations Value is a pattern such as "0" or "any duration".
type Variant struct {
	Value string `json:"value"`
	About string `json:"about"`
}

func (d Switch) defaultJSON() json.RawMessage { return mustJSON(d.Default) }

// SwitchTable lists every switch in the order of the open questions.
func SwitchTable() []Switch { return switchTable() }

func findSwitch(name string) (Switch, bool) {
	for _, d := range switchTable() {
		if d.Name == name {
			return d, true
		}
	}
	return Switch{}, false
}

func switchNames() []string {
	var names []string
	for _, d := range switchTable() {
		names = append(names, d.Name)
	}
	return names
}

// choice describes a switch whose values are words; pairs are "value", "about", and the first is the default.
func choice[T ~string](row int, name, question string, field func(*Switches) *T, pairs ...string) Switch {
	d := Switch{Row: row, Name: name, Question: question, Default: pairs[0]}
	var known []string
	for i := 0; i+1 < len(pairs); i += 2 {
		d.Variants = append(d.Variants, Variant{Value: pairs[i], About: pairs[i+1]})
		known = append(known, pairs[i])
	}
	d.get = func(s *Switches) any { return string(*field(s)) }
	d.set = func(s *Switches, raw json.RawMessage) error {
		var v string
		if err := json.Unmarshal(raw, &v); err != nil {
			return inputErrorf("$", "expected one of %s", strings.Join(known, ", "))
		}
		if !slices.Contains(known, v) {
			return inputErrorf("$", "%q is no variant%s", clip(v, 40), suggestion(v, known))
		}
		*field(s) = T(v)
		return nil
	}
	return d
}

// code describes a switch whose values are a few HTTP statuses; the first is the default.
func code(row int, name, question string, field func(*Switches) *int, allowed ...int) Switch {
	d := Switch{Row: row, Name: name, Question: question, Default: allowed[0]}
	for _, a := range allowed {
		d.Variants = append(d.Variants, Variant{Value: string(mustJSON(a)), About: "answers with this status"})
	}
	d.get = func(s *Switches) any { return *field(s) }
	d.set = func(s *Switches, raw json.RawMessage) error {
		var v int
		if err := json.Unmarshal(raw, &v); err != nil {
			return inputErrorf("$", "expected one of the statuses %v", allowed)
		}
		if !slices.Contains(allowed, v) {
			return inputErrorf("$", "%d is no variant, known are %v", v, allowed)
		}
		*field(s) = v
		return nil
	}
	return d
}

// count describes a switch whose value is a number that is not negative.
func count(row int, name, question string, def int, field func(*Switches) *int) Switch {
	d := Switch{Row: row, Name: name, Question: question, Default: def}
	d.Variants = []Variant{{"0", "no limit"}, {"n", "the limit"}}
	d.get = func(s *Switches) any { return *field(s) }
	d.set = func(s *Switches, raw json.RawMessage) error {
		var v int
		if err := json.Unmarshal(raw, &v); err != nil || v < 0 {
			return inputErrorf("$", "expected a whole number that is not negative")
		}
		*field(s) = v
		return nil
	}
	return d
}

// span describes a switch whose value is a duration.
func span(row int, name, question string, def time.Duration, field func(*Switches) *time.Duration) Switch {
	d := Switch{Row: row, Name: name, Question: question, Default: Duration(def)}
	d.Variants = []Variant{{"0s", "at once"}, {"any duration", `for example "2s"`}}
	d.get = func(s *Switches) any { return Duration(*field(s)) }
	d.set = func(s *Switches, raw json.RawMessage) error {
		var v Duration
		if err := v.UnmarshalJSON(raw); err != nil {
			return err
		}
		*field(s) = time.Duration(v)
		return nil
	}
	return d
}

// switchTable is one list on purpose: a switch that is missing here does not exist.
func switchTable() []Switch {
	return slices.Concat(postSwitches(), readSwitches(), refusalSwitches(), documentSwitches(), laterSwitches())
}

func postSwitches() []Switch {
	return []Switch{
		choice(1, "duplicate", "What does a POST of something already sent do?", func(s *Switches) *DuplicatePost { return &s.Duplicate },
			"second_candidate", "makes a second candidate", "same_ids", "answers with the ids of the first and makes nothing",
			"refuse_409", "refuses with 409", "refuse_422", "refuses with 422"),
		choice(1, "duplicate_by", "What makes two POSTs the same?", func(s *Switches) *DuplicateKey { return &s.DuplicateBy },
			"external_id", "the external_id", "email", "any e-mail address", "external_id_or_email", "either"),
		code(2, "post_status", "Which status does a successful POST get?", func(s *Switches) *int { return &s.PostStatus }, 200, 201),
		code(3, "invalid_status", "Which status does a validation failure get?", func(s *Switches) *int { return &s.InvalidStatus }, 422, 400),
		choice(3, "invalid_body", "Which body does a validation failure get?", func(s *Switches) *InvalidBody { return &s.InvalidBody },
			"errors", "errors[] with message and field", "message", "one message and no field"),
		choice(4, "batch_failure", "What does one bad element do to an array?", func(s *Switches) *BatchFailure { return &s.BatchFailure },
			"whole", "the whole array is refused", "partial", "the good ones are made, the bad ones answer with errors in their place",
			"first_then_error", "those before the bad one are made, then the request is refused"),
		count(5, "max_batch", "How long may a POST array be?", 50, func(s *Switches) *int { return &s.MaxBatch }),
		count(5, "max_candidate_ids", "How many candidate_ids may a GET name?", 50, func(s *Switches) *int { return &s.MaxCandidateIDs }),
		choice(5, "over_limit", "What does a list that is too long get?", func(s *Switches) *OverLimit { return &s.OverLimit },
			"refuse_422", "422", "refuse_400", "400", "refuse_414", "414", "truncate", "the rest is dropped without a word"),
		choice(6, "unknown_key", "What does a JSON key get that is not documented?", func(s *Switches) *Strictness { return &s.UnknownKey },
			"tolerate", "it is ignored", "refuse", "a validation failure"),
		choice(7, "prospect_as_text", `What does "prospect": "true" as a text get?`, func(s *Switches) *Strictness { return &s.ProspectAsText },
			"tolerate", "it is read as true", "refuse", "a validation failure"),
	}
}

func readSwitches() []Switch {
	stage := []string{
		"name", "the name of the stage", "null", "null", "empty", "an empty text", "absent", "the key is missing",
	}
	prospect := slices.Concat(stage[2:4], stage[:2], stage[4:])
	return []Switch{
		choice(8, "single_candidate", "Which shape has a GET for one id?", func(s *Switches) *SingleCandidate { return &s.SingleCandidate },
			"array", "an array of one", "object", "the bare object, and [] when there is none"),
		choice(9, "status_case", "How is an application status written?", func(s *Switches) *StatusCase { return &s.StatusCase },
			"mixed", "lower case and title case in turn, by application id", "lower", "active", "title", "Active"),
		choice(10, "stage_of_prospect", "Which stage has a prospect?", func(s *Switches) *StageShape { return &s.StageOfProspect }, prospect...),
		choice(10, "stage_of_rejected", "Which stage has a rejected application?", func(s *Switches) *StageShape { return &s.StageOfRejected }, stage...),
		choice(10, "stage_of_hired", "Which stage has a hired application?", func(s *Switches) *StageShape { return &s.StageOfHired }, stage...),
		choice(11, "applications", "How many applications does a candidate show?", func(s *Switches) *ApplicationsShape { return &s.Applications },
			"one", "those there are, as a rule one", "none", "an empty list", "many", "two further ones of the same person before ours",
			"many_shuffled", "two further ones, and the order changes with each reading"),
		choice(12, "further_statuses", "Do undocumented status words appear?", func(s *Switches) *FurtherStatuses { return &s.FurtherStatuses },
			"absent", "no", "present", "active applications read converted, completed or on_hold in turn, by application id"),
		choice(21, "merged_candidate", "What does the old id of a merged candidate show?", func(s *Switches) *MergedCandidate { return &s.MergedCandidate },
			"absent", "nothing", "new_record", "the record it was merged into, under the new id"),
		choice(22, "prospect_converted", "What does a conversion to a candidate do to the application?",
			func(s *Switches) *ProspectConverted { return &s.ProspectConverted },
			"new_id_old_gone", "a new application; the old one is gone", "new_id_old_converted", "a new application; the old one reads converted",
			"same_id", "the application keeps its id"),
		choice(23, "jobs_list", "Is the job list paged?", func(s *Switches) *JobsList { return &s.JobsList },
			"one_array", "no", "link_paging", "pages of jobs_page_size with Link headers"),
		count(23, "jobs_page_size", "How long is a page of jobs?", 100, func(s *Switches) *int { return &s.JobsPageSize }),
		choice(24, "basic_user_jobs", "What does a Basic user see in the job list?", func(s *Switches) *BasicUserJobs { return &s.BasicUserJobs },
			"live_on_board", "the jobs that are live on a board", "all_open", "every open job", "none", "an empty list"),
		span(25, "read_lag", "How long is a new candidate invisible to a GET?", 2*time.Second, func(s *Switches) *time.Duration { return &s.ReadLag }),
		choice(0, "confidential_jobs", "Who sees a confidential job?", func(s *Switches) *ConfidentialJobs { return &s.ConfidentialJobs },
			"site_admin", "Site Admins and those assigned to it", "assigned_only", "only those assigned to it"),
	}
}

func refusalSwitches() []Switch {
	return []Switch{
		choice(13, "disabled_user", "What do calls on behalf of a disabled user get?", func(s *Switches) *DisabledUser { return &s.DisabledUser },
			"unauthorized_401", "401", "forbidden_403", "403", "empty_200", "lists answer 200 and [], everything else 401"),
		code(14, "unseen_job", "Which status does a POST on a closed, unknown or unseen job get?", func(s *Switches) *int { return &s.UnseenJob }, 404, 403, 422),
		choice(0, "live_job_post", "May a Job Admin or Interviewer post to a live job without being assigned to it?",
			func(s *Switches) *LiveJobPost { return &s.LiveJobPost }, "allowed", "yes", "refused", "no, as on an unseen job"),
		code(15, "prospects_disabled", "Which status does a prospect get where prospects are not enabled?",
			func(s *Switches) *int { return &s.ProspectsDisabled }, 403, 422),
		choice(16, "rate_limit_reply", "What does a 429 look like?", func(s *Switches) *RateLimitReply { return &s.RateLimitReply },
			"retry_after", "with Retry-After", "never", "rate_limit never refuses; a 429 fault still does, with Retry-After",
			"no_header", "without any header", "plain_text", "Retry later as plain text, without any header"),
		count(16, "rate_limit", "How many requests may one key make in a window?", 0, func(s *Switches) *int { return &s.RateLimit }),
		span(16, "rate_window", "How long is a window of the rate limit?", 10*time.Second, func(s *Switches) *time.Duration { return &s.RateWindow }),
		choice(17, "error_body", "Which body do errors have?", func(s *Switches) *ErrorBody { return &s.ErrorBody },
			"errors", "errors[] with a message", "message", "one message", "html", "a page of HTML, for validation failures too",
			"empty", "nothing, for validation failures too"),
		code(37, "harvest_key", "Which status does a Harvest key get?", func(s *Switches) *int { return &s.HarvestKey }, 401, 403),
	}
}

func documentSwitches() []Switch {
	return []Switch{
		choice(18, "resume_fetch", "When is the resume URL fetched?", func(s *Switches) *ResumeFetch { return &s.ResumeFetch },
			"later", "resume_delay after the POST", "never", "not at all", "in_post", "before the POST is answered",
			"repeated", "three times, resume_delay apart"),
		span(18, "resume_delay", "How late is the resume fetched?", 3*time.Second, func(s *Switches) *time.Duration { return &s.ResumeDelay }),
		choice(18, "resume_method", "How is the resume fetched?", func(s *Switches) *ResumeMethod { return &s.ResumeMethod },
			"get", "GET", "head_first", "HEAD, then GET", "range", "GET of the first bytes by Range, then of the rest"),
		choice(18, "resume_failure", "What does a failing fetch inside the POST do?", func(s *Switches) *ResumeFailure { return &s.ResumeFailure },
			"silent", "nothing", "refuse_422", "the POST is refused as a validation failure"),
		choice(19, "notes_over", "What happens to notes over notes_max?", func(s *Switches) *NotesOver { return &s.NotesOver },
			"unlimited", "they are kept whole", "truncate", "they are cut without a word", "refuse_422", "a validation failure"),
		count(19, "notes_max", "How many characters may notes have?", 10000, func(s *Switches) *int { return &s.NotesMax }),
	}
}

func laterSwitches() []Switch {
	return []Switch{
		choice(20, "oauth_token", "How long does an OAuth token live?", func(s *Switches) *OAuthToken { return &s.OAuthToken },
			"no_expiry", "for ever, without a refresh token", "expires", "oauth_token_life, with a refresh token that works once",
			"revoked", "every token answers 401, as after a user rescinded it"),
		span(20, "oauth_token_life", "How long does an expiring OAuth token live?", time.Hour, func(s *Switches) *time.Duration { return &s.OAuthTokenLife }),
	}
}
