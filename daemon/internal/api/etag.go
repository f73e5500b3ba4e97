package api

import (
	"strconv"
	"strings"
)

// versioned is an answer whose body has a version, which is told as its ETag too.
type versioned[T any] struct {
	ETag string `header:"ETag" doc:"the version, for If-Match"`
	Body T
}

// answerVersion makes a handler's answer of a value, its version and an error.
func answerVersion[T any](v T, version int64, err error) (*versioned[T], error) {
	if err != nil {
		return nil, err
	}
	return &versioned[T]{etag(version), v}, nil
}

func etag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// IfMatch is the version that a change is meant for.
type IfMatch struct {
	IfMatch string `header:"If-Match" example:"\"3\"" doc:"the version that the change is meant for, as an ETag gave it; with another one nothing is changed (412)"`
}

// version parses the header: "3", 3 or nothing, which is 0. What is neither is refused: a change that was meant for one
// version must not be made to any.
func (m IfMatch) version() (int64, error) {
	text := strings.TrimSpace(m.IfMatch)
	if text == "" || text == "*" {
		return 0, nil
	}
	if inner, ok := strings.CutPrefix(text, `"`); ok {
		text, ok = strings.CutSuffix(inner, `"`)
		if !ok {
			text = ""
		}
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v <= 0 {
		return 0, invalid("If-Match", "it is not a version as an answer gave it")
	}
	return v, nil
}
