package atssync

import "time"

// MaxDocument bounds a submission document, in bytes of JSON.
const MaxDocument = 256 << 10

// Document is what the platform sends for one application. It is personal data: it is sealed before any
// store sees it and never logged. Its JSON form is the API's.
type Document struct {
	Connection     string     `json:"connection" doc:"id of the connection" maxLength:"64"`
	ExternalID     string     `json:"external_id" doc:"the platform's id of the application, unique per connection, without personal data" minLength:"1" maxLength:"255"`
	Job            string     `json:"job" doc:"the platform's id of the job" minLength:"1" maxLength:"255"`
	Person         Person     `json:"person"`
	Resume         *Resume    `json:"resume,omitempty"`
	Answers        []Answer   `json:"answers,omitempty" maxItems:"200"`
	ApplicationURL string     `json:"application_url,omitempty" doc:"link back to the application on the platform, https" format:"uri"`
	Media          []Media    `json:"media,omitempty" doc:"sound bites" maxItems:"100"`
	Notes          []string   `json:"notes,omitempty" maxItems:"50"`
	Referrer       *Referrer  `json:"referrer,omitempty"`
	Consent        *Consent   `json:"consent,omitempty"`
	ExpiresAt      *time.Time `json:"expires_at,omitempty" doc:"give up after this instant"`
}

// Person is the applicant.
type Person struct {
	ID        string    `json:"id,omitempty" doc:"the platform's id of the person" maxLength:"255"`
	FirstName string    `json:"first_name" maxLength:"300"`
	LastName  string    `json:"last_name,omitempty" doc:"needed unless the connection has last_name_fallback" maxLength:"300"`
	Emails    []Email   `json:"emails,omitempty" maxItems:"20"`
	Phones    []Phone   `json:"phones,omitempty" maxItems:"20"`
	Addresses []Address `json:"addresses,omitempty" maxItems:"20"`
	Links     []WebLink `json:"links,omitempty" maxItems:"50"`
	Company   string    `json:"company,omitempty" maxLength:"300"`
	Title     string    `json:"title,omitempty" maxLength:"300"`
}

// Email is an e-mail address.
type Email struct {
	Address string `json:"address" maxLength:"320"`
	Type    string `json:"type,omitempty" enum:"personal,work,other"`
}

// Phone is a telephone number.
type Phone struct {
	Number string `json:"number" maxLength:"100"`
	Type   string `json:"type,omitempty" enum:"mobile,home,work,other"`
}

// Address is a postal address as free text.
type Address struct {
	Text string `json:"text" maxLength:"1000"`
	Type string `json:"type,omitempty" enum:"home,work,other"`
}

// WebLink is a web page of the person.
type WebLink struct {
	URL  string `json:"url" maxLength:"2048"`
	Type string `json:"type,omitempty" enum:"personal,company,portfolio,blog,social,other"`
}

// Resume is a file that the ATS fetches.
type Resume struct {
	URL       string     `json:"url,omitempty" doc:"https; fetched by the ATS without a login" maxLength:"4096"`
	FileName  string     `json:"file_name,omitempty" maxLength:"255"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"when the URL stops to work"`
}

// Answer is one answered question.
type Answer struct {
	Question string `json:"question" maxLength:"2000"`
	Answer   string `json:"answer" maxLength:"20000"`
	Private  bool   `json:"private,omitempty" doc:"never put into the note"`
}

// Media is a named link, such as a sound bite.
type Media struct {
	Title string `json:"title,omitempty" maxLength:"300"`
	URL   string `json:"url" maxLength:"2048"`
}

// Referrer gets the credit.
type Referrer struct {
	FirstName string `json:"first_name,omitempty" maxLength:"300"`
	LastName  string `json:"last_name,omitempty" maxLength:"300"`
	Email     string `json:"email,omitempty" maxLength:"320"`
}

// Consent is when and to which policy the person agreed.
type Consent struct {
	At        time.Time `json:"at"`
	PolicyURL string    `json:"policy_url,omitempty" maxLength:"2048"`
}
