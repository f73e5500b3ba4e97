package intake

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestValidate_RefusesEachBadFieldWithItsPath(t *testing.T) {
	t.Parallel()
	past := testNow.Add(-time.Second)
	for name, c := range map[string]struct {
		change        func(d *atssync.Document)
		path, message string
	}{
		"no connection":              {func(d *atssync.Document) { d.Connection = "" }, "connection", "is required"},
		"no external id":             {func(d *atssync.Document) { d.ExternalID = "" }, "external_id", "is required"},
		"no job":                     {func(d *atssync.Document) { d.Job = "" }, "job", "is required"},
		"no first name":              {func(d *atssync.Document) { d.Person.FirstName = "" }, "person.first_name", "is required"},
		"no last name":               {func(d *atssync.Document) { d.Person.LastName = "" }, "person.last_name", "last_name_fallback"},
		"external id is an e-mail":   {func(d *atssync.Document) { d.ExternalID = "ada@example.com" }, "external_id", "looks like an e-mail"},
		"external id too long":       {func(d *atssync.Document) { d.ExternalID = strings.Repeat("x", 256) }, "external_id", "the limit is 255"},
		"external id with a tab":     {func(d *atssync.Document) { d.ExternalID = "a\tb" }, "external_id", "printable"},
		"external id with NUL":       {func(d *atssync.Document) { d.ExternalID = "a\x00b" }, "external_id", "printable"},
		"external id, bidi override": {func(d *atssync.Document) { d.ExternalID = "a\u202eb" }, "external_id", "printable"},
		"external id in spaces":      {func(d *atssync.Document) { d.ExternalID = " a" }, "external_id", "space"},
		"job with a line end":        {func(d *atssync.Document) { d.Job = "a\n" }, "job", "space"},
		"e-mail with a name":         {func(d *atssync.Document) { d.Person.Emails[0].Address = "Ada <ada@example.com>" }, "person.emails[0].address", "not an e-mail"},
		"e-mail in brackets":         {func(d *atssync.Document) { d.Person.Emails[0].Address = "<ada@example.com>" }, "person.emails[0].address", "not an e-mail"},
		"e-mail without a domain":    {func(d *atssync.Document) { d.Person.Emails[0].Address = "ada" }, "person.emails[0].address", "not an e-mail"},
		"e-mail of a bare host":      {func(d *atssync.Document) { d.Person.Emails[0].Address = "ada@localhost" }, "person.emails[0].address", "not an e-mail"},
		"e-mail with a space":        {func(d *atssync.Document) { d.Person.Emails[0].Address = "ada @example.com" }, "person.emails[0].address", "not an e-mail"},
		"two e-mails in one":         {func(d *atssync.Document) { d.Person.Emails[0].Address = "a@example.com,b@example.com" }, "person.emails[0].address", "not an e-mail"},
		"e-mail with two dots":       {func(d *atssync.Document) { d.Person.Emails[0].Address = "a..b@example.com" }, "person.emails[0].address", "not an e-mail"},
		"empty e-mail":               {func(d *atssync.Document) { d.Person.Emails[0].Address = "" }, "person.emails[0].address", "is required"},
		"e-mail type":                {func(d *atssync.Document) { d.Person.Emails[0].Type = "Personal" }, "person.emails[0].type", "must be one of personal, work, other"},
		"phone type":                 {func(d *atssync.Document) { d.Person.Phones[0].Type = "fax" }, "person.phones[0].type", "must be one of"},
		"http link":                  {func(d *atssync.Document) { d.Person.Links[0].URL = "http://ada.example.com" }, "person.links[0].url", "https"},
		"http resume":                {func(d *atssync.Document) { d.Resume.URL = "http://files.example.com/1" }, "resume.url", "https"},
		"resume without address":     {func(d *atssync.Document) { d.Resume.URL = "" }, "resume.url", "is required"},
		"resume on a local file":     {func(d *atssync.Document) { d.Resume.URL = "file:///etc/passwd" }, "resume.url", "https"},
		"address without a host":     {func(d *atssync.Document) { d.ApplicationURL = "https:///path" }, "application_url", "not a valid"},
		"address with a password":    {func(d *atssync.Document) { d.ApplicationURL = "https://u:p@example.com/" }, "application_url", "user name or password"},
		"address with a space":       {func(d *atssync.Document) { d.Media[0].URL = "https://example.com/a b" }, "media[0].url", "not a valid"},
		"address that is broken":     {func(d *atssync.Document) { d.Consent.PolicyURL = "https://exa%mple.com/" }, "consent.policy_url", "not a valid"},
		"address too long":           {func(d *atssync.Document) { d.Media[0].URL = "https://example.com/" + strings.Repeat("a", 2048) }, "media[0].url", "the limit is 2048"},
		"referrer's e-mail":          {func(d *atssync.Document) { d.Referrer.Email = "grace" }, "referrer.email", "not an e-mail"},
		"name too long":              {func(d *atssync.Document) { d.Person.FirstName = strings.Repeat("é", 301) }, "person.first_name", "has 301 characters"},
		"too many e-mails":           {func(d *atssync.Document) { d.Person.Emails = make([]atssync.Email, 21) }, "person.emails", "has 21 entries"},
		"too many notes":             {func(d *atssync.Document) { d.Notes = make([]string, 51) }, "notes", "has 51 entries"},
		"answer too long":            {func(d *atssync.Document) { d.Answers[1].Answer = strings.Repeat("a", 20001) }, "answers[1].answer", "the limit is 20000"},
		"no question":                {func(d *atssync.Document) { d.Answers[0].Question = "" }, "answers[0].question", "is required"},
		"consent without a time":     {func(d *atssync.Document) { d.Consent.At = time.Time{} }, "consent.at", "is required"},
		"consent in the future":      {func(d *atssync.Document) { d.Consent.At = testNow.Add(48 * time.Hour) }, "consent.at", "future"},
		"expired":                    {func(d *atssync.Document) { d.ExpiresAt = &past }, "expires_at", "in the past"},
		"first name of spaces":       {func(d *atssync.Document) { d.Person.FirstName = " \u00a0\t" }, "person.first_name", "nothing can be seen"},
		"last name of spaces":        {func(d *atssync.Document) { d.Person.LastName = "  " }, "person.last_name", "nothing can be seen in it: this connection has no last_name_fallback"},
		"name without a shape":       {func(d *atssync.Document) { d.Person.FirstName = "\u200b" }, "person.first_name", "nothing can be seen"},
		"name that only turns":       {func(d *atssync.Document) { d.Person.LastName = "\u202e" }, "person.last_name", "nothing can be seen"},
		"question of spaces":         {func(d *atssync.Document) { d.Answers[0].Question = " \n" }, "answers[0].question", "nothing can be seen"},
		"phone of spaces":            {func(d *atssync.Document) { d.Person.Phones[0].Number = " " }, "person.phones[0].number", "nothing can be seen"},
		"NUL in a name":              {func(d *atssync.Document) { d.Person.FirstName = "A\x00" }, "person.first_name", "holds the character U+0000"},
		"ESC in a name":              {func(d *atssync.Document) { d.Person.LastName = "A\x1b[31m" }, "person.last_name", "holds the character U+001B"},
		"a C1 control in a company":  {func(d *atssync.Document) { d.Person.Company = "O\u0092Brien" }, "person.company", "holds the character U+0092"},
		"DEL in a title":             {func(d *atssync.Document) { d.Person.Title = "a\x7f" }, "person.title", "holds the character U+007F"},
		"a noncharacter in a name":   {func(d *atssync.Document) { d.Person.FirstName = "A\ufffe" }, "person.first_name", "holds the character U+FFFE"},
		"NUL in an address":          {func(d *atssync.Document) { d.Person.Addresses[0].Text = "a\nb\x00" }, "person.addresses[0].text", "holds the character U+0000"},
		"NUL in an answer":           {func(d *atssync.Document) { d.Answers[1].Answer = "a\n\x00" }, "answers[1].answer", "holds the character U+0000"},
		"NUL in a note":              {func(d *atssync.Document) { d.Notes = []string{"fine", "a\x00"} }, "notes[1]", "holds the character U+0000"},
		"BEL in a file's name":       {func(d *atssync.Document) { d.Resume.FileName = "a\x07.pdf" }, "resume.file_name", "holds the character U+0007"},
		"a control in media":         {func(d *atssync.Document) { d.Media[0].Title = "a\x02" }, "media[0].title", "holds the character U+0002"},
		"a control in a referrer":    {func(d *atssync.Document) { d.Referrer.FirstName = "a\x02" }, "referrer.first_name", "holds the character U+0002"},
		"a C1 control in a link":     {func(d *atssync.Document) { d.Person.Links[0].URL = "https://example.com/\u0085\u0090" }, "person.links[0].url", "holds the character U+0090"},
		"resume expired":             {func(d *atssync.Document) { d.Resume.ExpiresAt = &past }, "resume.expires_at", "in the past"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := Example(testNow)
			c.change(&doc)
			got := Validate(doc, Rules{Now: testNow})
			require.Len(t, got, 1, "%v", got)
			require.Equal(t, c.path, got[0].Path)
			require.Contains(t, got[0].Message, c.message)
		})
	}
}

func TestValidate_TakesWhatPeopleReallyHave(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(d *atssync.Document){
		"the least there can be": func(d *atssync.Document) {
			*d = atssync.Document{Connection: "con_x", ExternalID: "1", Job: "j", Person: atssync.Person{FirstName: "A", LastName: "B"}}
		},
		"line ends in texts":         func(d *atssync.Document) { d.Answers[0].Answer, d.Notes = "a\r\n\tb\v\fc\u0085", []string{"a\nb"} },
		"a name out of a CRLF file":  func(d *atssync.Document) { d.Person.LastName = "Example\r" },
		"a name with joiners":        func(d *atssync.Document) { d.Person.FirstName = "نگین\u200cسادات" },
		"a name with marks":          func(d *atssync.Document) { d.Person.LastName = "\u200fكوهين\u200e" },
		"a number out of a phone":    func(d *atssync.Document) { d.Person.Phones[0].Number = "\u202a+1 202 555 0101\u202c" },
		"300 letters of two bytes":   func(d *atssync.Document) { d.Person.FirstName = strings.Repeat("é", 300) },
		"an unanswered question":     func(d *atssync.Document) { d.Answers[0].Answer = "" },
		"a plus address":             func(d *atssync.Document) { d.Person.Emails[0].Address = "ada+jobs@mail.example.co.uk" },
		"an address with an accent":  func(d *atssync.Document) { d.Person.Emails[0].Address = "josé@example.com" },
		"an address with odd marks":  func(d *atssync.Document) { d.Person.Emails[0].Address = "o'brien!x@example.com" },
		"an external id with an at":  func(d *atssync.Document) { d.ExternalID = "job@42#7" },
		"an external id in Chinese":  func(d *atssync.Document) { d.ExternalID = "申请-1" },
		"an address of another port": func(d *atssync.Document) { d.ApplicationURL = "https://example.com:8443/a?b=c#d" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := Example(testNow)
			change(&doc)
			require.Empty(t, Validate(doc, Rules{Now: testNow}))
		})
	}
}

func TestValidate_OneNameNeedsTheConnectionsFallback(t *testing.T) {
	t.Parallel()
	doc := Example(testNow)
	doc.Person.LastName = ""
	require.Len(t, Validate(doc, Rules{Now: testNow}), 1)
	require.Empty(t, Validate(doc, Rules{Now: testNow, LastNameFallback: "(no last name)"}))
}

func TestValidate_ProblemsAreBounded(t *testing.T) {
	t.Parallel()
	doc := Example(testNow)
	doc.Answers = make([]atssync.Answer, 200)
	require.Len(t, Validate(doc, Rules{Now: testNow}), maxProblems)
}

// What is recognised without a full parse is what the full parse takes.
func FuzzPlainAddress(f *testing.F) {
	for _, s := range []string{
		"files.example.com/resumes/1.pdf?signature=ab-c", "example.com", "", "/path", "user@example.com/", "example.com:443/", "a..b/", "a/%zz", "-/?", "[::1]/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !plainAddress(s) {
			return
		}
		u, err := url.Parse("https://" + s)
		require.NoError(t, err)
		require.NotEmpty(t, u.Hostname())
		require.Nil(t, u.User)
		require.Equal(t, u.Host, u.Hostname(), "no port")
	})
}

func TestPlainAddress_RecognisesTheUsualOnes(t *testing.T) {
	t.Parallel()
	for s, plain := range map[string]bool{
		"files.example.com/resumes/1_2.pdf?signature=ab-c&until=3": true, "example.com": true,
		"": false, "/path": false, "example.com:443/": false, "ada@example.com/": false, "example.com/a%20b": false, "münchen.example.com": false,
	} {
		require.Equal(t, plain, plainAddress(s), s)
	}
}
