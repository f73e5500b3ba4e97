package rest

import (
	"encoding/base64"
	"net/http"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Auth is how a request proves who sends it. It prints as stars.
type Auth struct {
	header string
	value  sdk.Secret
	// parts are the texts that must never be seen again, if an ATS repeats them in an answer.
	parts []sdk.Secret
}

// Basic is HTTP Basic; several ATSes take an API key as the user and an empty password.
func Basic(user, password sdk.Secret) Auth {
	encoded := base64.StdEncoding.EncodeToString([]byte(user.Reveal() + ":" + password.Reveal()))
	return Auth{
		header: "Authorization",
		value:  sdk.Secret("Basic " + encoded),
		parts:  []sdk.Secret{user, password, sdk.Secret(encoded)},
	}
}

// Bearer is an OAuth access token.
func Bearer(token sdk.Secret) Auth {
	return Auth{header: "Authorization", value: "Bearer " + token, parts: []sdk.Secret{token}}
}

// Header is a credential in a header of the ATS's own, such as X-Api-Key.
func Header(name string, value sdk.Secret) Auth {
	return Auth{header: name, value: value, parts: []sdk.Secret{value}}
}

// String hides the credential.
func (a Auth) String() string { return "***" }

// GoString hides the credential from %#v.
func (a Auth) GoString() string { return "***" }

func (a Auth) apply(h http.Header) {
	if a.header != "" {
		h.Set(a.header, a.value.Reveal())
	}
}
