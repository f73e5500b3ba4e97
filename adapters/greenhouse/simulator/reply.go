package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// reply is an answer that is ready but not yet sent: a fault may still replace, cut or lose it.
type reply struct {
	status      int
	contentType string
	header      http.Header
	body        []byte
	// applied says that something was written; created names the candidates that were made.
	applied bool
	created []int64
}

const (
	typeJSON = "application/json; charset=utf-8"
	typeHTML = "text/html; charset=utf-8"
	typeText = "text/plain; charset=utf-8"
)

func jsonReply(status int, v any) reply {
	body, err := json.Marshal(v)
	if err != nil {
		return reply{status: http.StatusInternalServerError, contentType: typeText, body: []byte(err.Error())}
	}
	return reply{status: status, contentType: typeJSON, body: body}
}

// refusal makes an error reply in the shape that the switch error_body asks for.
func refusal(sw *Switches, status int, message string) reply {
	return shapedError(sw.ErrorBody, status, FieldError{Message: message})
}

// invalid makes a validation failure in the shape that invalid_body asks for; error_body wins where it is HTML or empty.
func invalid(sw *Switches, found ...FieldError) reply {
	return invalidWith(sw, sw.InvalidStatus, found...)
}

func invalidWith(sw *Switches, status int, found ...FieldError) reply {
	switch {
	case sw.ErrorBody == ErrorHTML || sw.ErrorBody == ErrorEmpty:
		return shapedError(sw.ErrorBody, status, found...)
	case sw.InvalidBody == InvalidMessage:
		return shapedError(ErrorMessage, status, found...)
	default:
		return shapedError(ErrorErrors, status, found...)
	}
}

func shapedError(shape ErrorBody, status int, found ...FieldError) reply {
	switch shape {
	case ErrorHTML:
		return htmlReply(status)
	case ErrorEmpty:
		return reply{status: status, contentType: typeJSON}
	case ErrorMessage:
		var texts []string
		for _, f := range found {
			texts = append(texts, f.Message)
		}
		return jsonReply(status, map[string]string{"message": strings.Join(texts, ", ")})
	default:
		return jsonReply(status, errorBody{Errors: found})
	}
}

type errorBody struct {
	Errors []FieldError `json:"errors"`
}

// htmlReply is what a proxy in front of the API answers.
func htmlReply(status int) reply {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	page := "<!DOCTYPE html>\n<html>\n<head><title>" + text + "</title></head>\n<body><center><h1>" + text + "</h1></center></body>\n</html>\n"
	return reply{status: status, contentType: typeHTML, body: []byte(page)}
}

func (r reply) with(key, value string) reply {
	if r.header == nil {
		r.header = make(http.Header)
	}
	r.header.Set(key, value)
	return r
}

// send writes the reply. Whether it arrives is the client's affair.
func (r reply) send(w http.ResponseWriter) {
	h := w.Header()
	maps.Copy(h, r.header)
	if r.contentType != "" {
		h.Set("Content-Type", r.contentType)
	}
	w.WriteHeader(r.status)
	// The client may be gone; the request log already tells what was answered.
	_, _ = w.Write(r.body)
}
