package intake

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Example returns a full, valid document of an invented person, with every field that there is.
func Example(now time.Time) atssync.Document {
	now = now.UTC().Truncate(time.Second)
	resumeUntil, until := now.Add(7*24*time.Hour), now.Add(30*24*time.Hour)
	return atssync.Document{
		Connection: "con_00000000000000000000000000",
		ExternalID: "application-24680",
		Job:        "job-1001",
		Person: atssync.Person{
			ID: "person-13579", FirstName: "Ada", LastName: "Example",
			Emails:    []atssync.Email{{Address: "ada@example.com", Type: "personal"}},
			Phones:    []atssync.Phone{{Number: "+1 212 555-0142", Type: "mobile"}},
			Addresses: []atssync.Address{{Text: "12 Sample Street, Springfield", Type: "home"}},
			Links:     []atssync.WebLink{{URL: "https://ada.example.com", Type: "portfolio"}},
			Company:   "Example Engines", Title: "Analyst",
		},
		Resume: &atssync.Resume{
			URL: "https://files.example.com/resumes/24680.pdf?signature=abc", FileName: "Ada Example.pdf", ExpiresAt: &resumeUntil,
		},
		Answers: []atssync.Answer{
			{Question: "Why do you want to join us?", Answer: "Because your engines compute what I would like to know."},
			{Question: "What salary do you expect?", Answer: "65,000", Private: true},
		},
		ApplicationURL: "https://platform.example.com/applications/24680",
		Media:          []atssync.Media{{Title: "Introduction", URL: "https://platform.example.com/media/24680-1"}},
		Notes:          []string{"Prefers to be called in the afternoon."},
		Referrer:       &atssync.Referrer{FirstName: "Grace", LastName: "Sample", Email: "grace@example.com"},
		Consent:        &atssync.Consent{At: now.Add(-time.Hour), PolicyURL: "https://platform.example.com/privacy"},
		ExpiresAt:      &until,
	}
}
