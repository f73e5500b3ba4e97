package rest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// person holds canaries: none of these may be seen in an error or an exchange, however an ATS repeats them.
var person = map[string]any{
	"first_name": "Zoë-Łucja", "last_name": "Quillfeather", "title": "王伟", "short": "Bo",
	"emails": []any{map[string]any{"email": "zoe@example.com", "type": "personal"}},
	"phones": []any{map[string]any{"phone_number": "+1 (555) 010-0199"}},
	"resume": "https://files.example.com/r/9f?sig=s3cr3tsig",
	"notes":  strings.Repeat("Wrote about glass harmonicas. ", 40),
}

const canaryKey = "gh-key-4f1c"

func TestDo_NothingSecretOrPersonalLeavesARefusal(t *testing.T) {
	t.Parallel()
	encoded := base64.StdEncoding.EncodeToString([]byte(canaryKey + ":"))
	echo, err := json.Marshal(person)
	require.NoError(t, err)
	message := "Person QUILLFEATHER, zoë-łucja (Bo) 候选人王伟已存在 other.person@example.org tel 555-010-0188 " +
		"see https://app.example.com/x?token=abc " + canaryKey + " Basic " + encoded + " " + person["notes"].(string)
	quoted, err := json.Marshal(message)
	require.NoError(t, err)
	bodies := []string{
		fmt.Sprintf(`{"errors":[{"message":%s,"field":"emails"}]}`, quoted),
		fmt.Sprintf(`{"errors":[%s]}`, quoted),
		fmt.Sprintf(`{"errors":{"emails":[%s],"Quillfeather":["x"]}}`, quoted),
		fmt.Sprintf(`{"message":%s,"code":"Quillfeather"}`, quoted),
		fmt.Sprintf(`{"error":{"message":%s,"field":"zoe@example.com"}}`, quoted),
		fmt.Sprintf(`[{"error":%s}]`, quoted),
		string(echo),
		message,
		"<html>" + message + "</html>",
		fmt.Sprintf(`{%s:1}`, quoted),
	}
	canaries := []string{
		"quillfeather", "łucja", "zoë", "王伟", "555", "0199", "0188", "zoe@", "other.person", "s3cr3tsig", "token=abc",
		canaryKey, encoded, "harmonicas", "Bo)",
	}
	for _, status := range []int{200, 302, 400, 401, 403, 409, 422, 429, 500} {
		for i, body := range bodies {
			t.Run(fmt.Sprintf("%d/%d", status, i), func(t *testing.T) {
				t.Parallel()
				b := setup(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("X-Request-Id", canaryKey)
					w.WriteHeader(status)
					_, _ = w.Write([]byte(body))
				})
				reply, err := b.client.Do(t.Context(), rest.Call{
					Method: http.MethodPost, Base: b.base, Path: "/v1/people", Write: true, Body: person,
					Auth: rest.Basic(canaryKey, ""), Header: map[string]string{"On-Behalf-Of": "robot@example.com"},
					Decode: func([]byte) error { return fmt.Errorf("quoting %s", message) },
				}, &b.meta)
				e := sdk.AsError(err)
				require.NotNil(t, e)
				require.LessOrEqual(t, len(e.Exchanges[0].Excerpt), 512)
				// The digits of a clock are no telephone number.
				e.Exchanges[0].StartedAt, e.Exchanges[0].Duration = time.Time{}, 0
				seen := strings.ToLower(fmt.Sprintf("%v %+v %+v", err, *e, reply.Problems))
				for _, c := range canaries {
					require.NotContains(t, seen, strings.ToLower(c))
				}
			})
		}
	}
}

func TestDo_TransportFaultsNameNoSecretAndNoQuery(t *testing.T) {
	t.Parallel()
	b := at(t, "https://ats.invalid", rest.Options{Name: "Acme ATS"})
	_, err := b.client.Do(t.Context(), rest.Call{
		Method: http.MethodGet, Base: b.base, Path: "/x", Query: "email=zoe@example.com", Auth: rest.Bearer(canaryKey),
	}, &b.meta)
	seen := fmt.Sprintf("%v %+v", err, *sdk.AsError(err))
	require.NotContains(t, seen, "zoe")
	require.NotContains(t, seen, canaryKey)
}

func TestAuth_PrintsAsStars(t *testing.T) {
	t.Parallel()
	for _, a := range []rest.Auth{rest.Basic(canaryKey, "x"), rest.Bearer(canaryKey), rest.Header("X-Api-Key", canaryKey)} {
		require.Equal(t, "*** ***", fmt.Sprintf("%v %#v", a, a))
		require.NotContains(t, fmt.Sprintf("%+v", rest.Call{Auth: a}), canaryKey)
	}
}

func TestDo_KeepsWhatHelpsAnOperator(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, body string
		want       []rest.Problem
		excerpt    string
	}{
		{
			"documented", `{"errors":[{"message":"Invalid value","field":"emails"},{"message":"Missing"}]}`,
			[]rest.Problem{{Field: "emails", Message: "Invalid value"}, {Message: "Missing"}},
			"emails: Invalid value; Missing",
		},
		{"texts", `{"errors":["one","two"]}`, []rest.Problem{{Message: "one"}, {Message: "two"}}, "one; two"},
		{"one text", `{"errors":"one"}`, []rest.Problem{{Message: "one"}}, "one"},
		{"by field", `{"errors":{"title":["too long"]}}`, []rest.Problem{{Field: "title", Message: "too long"}}, "title: too long"},
		{"message", `{"message":"Resource not found"}`, []rest.Problem{{Message: "Resource not found"}}, "Resource not found"},
		{
			"message beside errors", `{"message":"Validation error","errors":[{"message":"Missing","field":"body"}]}`,
			[]rest.Problem{{Field: "body", Message: "Missing"}},
			"body: Missing",
		},
		{
			"oauth", `{"error":"invalid_grant","error_description":"The grant expired"}`,
			[]rest.Problem{{Message: "invalid_grant"}},
			"invalid_grant",
		},
		{"nested", `{"error":{"code":"E1","message":"No"}}`, []rest.Problem{{Code: "E1", Message: "No"}}, "No"},
		{"list", `[{"message":"No"}]`, []rest.Problem{{Message: "No"}}, "No"},
		{"HTML", `<html></html>`, nil, "text/html, 13 bytes, not JSON"},
		{"plain JSON", `{"b":1,"a":[]}`, nil, "{a, b}"},
		{"empty", ``, nil, "empty body"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusUnprocessableEntity)
				_, _ = w.Write([]byte(c.body))
			})
			reply, err := b.read(t)
			require.Equal(t, c.want, reply.Problems)
			require.Equal(t, c.excerpt, sdk.AsError(err).Exchanges[0].Excerpt)
			for _, f := range sdk.AsError(err).Fields {
				require.NotEmpty(t, f.Path)
			}
		})
	}
}
