// Package people invents applicants for the demo, the bench and the crash programme: the same seed gives the same
// people. Their names come in many scripts and lengths, because that is what breaks; none of them exists.
package people

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Document is a submission document as the platform sends it.
type Document struct {
	Connection     string   `json:"connection"`
	ExternalID     string   `json:"external_id"`
	Job            string   `json:"job"`
	Person         Person   `json:"person"`
	Resume         *Resume  `json:"resume,omitempty"`
	Answers        []Answer `json:"answers,omitempty"`
	ApplicationURL string   `json:"application_url,omitempty"`
	Media          []Media  `json:"media,omitempty"`
	Notes          []string `json:"notes,omitempty"`
	Consent        *Consent `json:"consent,omitempty"`
}

// Person is the applicant.
type Person struct {
	ID        string    `json:"id,omitempty"`
	FirstName string    `json:"first_name"`
	LastName  string    `json:"last_name,omitempty"`
	Emails    []Email   `json:"emails,omitempty"`
	Phones    []Phone   `json:"phones,omitempty"`
	Links     []WebLink `json:"links,omitempty"`
}

// The parts of a document.
type (
	// Email is an e-mail address.
	Email struct {
		Address string `json:"address"`
		Type    string `json:"type,omitempty"`
	}
	// Phone is a telephone number.
	Phone struct {
		Number string `json:"number"`
		Type   string `json:"type,omitempty"`
	}
	// WebLink is a web page of the person.
	WebLink struct {
		URL  string `json:"url"`
		Type string `json:"type,omitempty"`
	}
	// Resume is a file that the ATS fetches.
	Resume struct {
		URL      string `json:"url"`
		FileName string `json:"file_name,omitempty"`
	}
	// Answer is one answered question.
	Answer struct {
		Question string `json:"question"`
		Answer   string `json:"answer"`
		Private  bool   `json:"private,omitempty"`
	}
	// Media is a sound bite.
	Media struct {
		Title string `json:"title,omitempty"`
		URL   string `json:"url"`
	}
	// Consent is when and to which policy the person agreed.
	Consent struct {
		At        time.Time `json:"at"`
		PolicyURL string    `json:"policy_url,omitempty"`
	}
)

// name is a name as its bearer would write it, and how it looks in an address.
type name struct{ first, last, latin string }

var names = []name{
	{"Ada", "Vermeulen", "ada.vermeulen"},
	{"José María", "Núñez Ibáñez", "jose.nunez"},
	{"Zoë", "Lindström-Åkesson", "zoe.lindstrom"},
	{"Łukasz", "Wójcik", "lukasz.wojcik"},
	{"Nguyễn Thị", "Hồng Ánh", "hong.anh"},
	{"美咲", "高橋", "misaki.takahashi"},
	{"伟", "欧阳", "wei.ouyang"},
	{"서연", "남궁", "seoyeon.namgung"},
	{"ليلى", "الحسيني", "layla.alhusayni"},
	{"נועה", "בן־דוד", "noa.bendavid"},
	{"Олена", "Ткаченко", "olena.tkachenko"},
	{"Ελένη", "Παπαδοπούλου", "eleni.papadopoulou"},
	{"प्रिया", "वेंकटेशन", "priya.venkatesan"},
	{"ณัฐธิดา", "วงศ์สุวรรณ", "nattida.wongsuwan"},
	{"Siobhán", "O’Súilleabháin", "siobhan.osuilleabhain"},
	{"Jean-Baptiste", "de La Tour d’Auvergne", "jb.delatour"},
	{"Sukarno", "", "sukarno"},
	{"Teller", "", "teller"},
	{"Xi", "Y", "xi.y"},
	{"Æsa", "Ðorvaldsdóttir", "aesa.dorvaldsdottir"},
	{"Rosie 🌻", "Park", "rosie.park"},
	{"Müge", "Işıkoğlu", "muge.isikoglu"},
	{"Tāne", "Ngata-Whaanga", "tane.ngata"},
	{"Chukwuemeka", "Nwachukwu-Okonkwo", "emeka.nwachukwu"},
	{"Ana", "Conceição", "ana.conceicao"},
	{
		"Hubert Blaine Wolfeschlegelsteinhausenbergerdorff Alexander Benedikt Constantin",
		"Featherstonehaugh-Cholmondeley-Majoribanks von und zu Hohenberg-Lichtenstein", "hubert.featherstonehaugh",
	},
}

var questions = []struct {
	question string
	answers  []string
}{
	{"Why do you want to work with us?", []string{
		"I have used your product for years and would like to make it quieter.",
		"Weil ich gern mit Menschen arbeite, die nachfragen.", "私は小さなチームで働くのが好きです。",
		"Because of the way you write about failure – honestly, “and with numbers”.",
	}},
	{"When could you start?", []string{"Next month", "In twelve weeks", "Tomorrow 🙂", ""}},
	{"Which project are you proud of?", []string{
		"A timetable for 40 ferries.\nIt runs on a machine under my desk.",
		"مشروع لتنظيم مكتبة المدرسة", "A <b>compiler</b> for knitting patterns & its tests",
	}},
}

var bites = []string{"Introduction", "A problem I solved", "Mein Weg hierher", "自己紹介"}

// Invent returns the n-th application of a run. The same arguments give the same document.
func Invent(seed, n uint64, connection, job string, now time.Time) Document {
	r := rand.New(rand.NewPCG(seed, n))
	who := names[r.IntN(len(names))]
	id := fmt.Sprintf("%s-%06d", job, n)
	d := Document{
		Connection: connection, ExternalID: "app-" + id, Job: job,
		Person: Person{
			ID: fmt.Sprintf("person-%06d", n), FirstName: who.first, LastName: who.last,
			Emails: []Email{{Address: fmt.Sprintf("%s.%d@example.com", who.latin, n), Type: "personal"}},
			Phones: []Phone{{Number: fmt.Sprintf("+1 202-555-01%02d", n%100), Type: "mobile"}},
		},
		Resume:         &Resume{URL: "https://files.example.com/resumes/" + id + ".pdf", FileName: "resume.pdf"},
		ApplicationURL: "https://platform.example.com/applications/" + id,
		Consent:        &Consent{At: now.UTC().Truncate(time.Second), PolicyURL: "https://platform.example.com/privacy"},
	}
	for _, q := range questions[:1+r.IntN(len(questions))] {
		d.Answers = append(d.Answers, Answer{Question: q.question, Answer: q.answers[r.IntN(len(q.answers))]})
	}
	if r.IntN(3) == 0 {
		d.Answers = append(d.Answers, Answer{Question: "What do you earn today?", Answer: "Not for the note.", Private: true})
	}
	for i := range r.IntN(3) {
		d.Media = append(d.Media, Media{Title: bites[r.IntN(len(bites))], URL: fmt.Sprintf("https://platform.example.com/m/%s/%d", id, i+1)})
	}
	if r.IntN(4) == 0 {
		d.Person.Links = append(d.Person.Links, WebLink{URL: "https://" + strings.ReplaceAll(who.latin, ".", "-") + ".example.com", Type: "portfolio"})
	}
	if r.IntN(5) == 0 {
		d.Notes = []string{"Met at the spring fair."}
	}
	return d
}
