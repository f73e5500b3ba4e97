package simulator

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// ScriptHelp tells how a script is written.
const ScriptHelp = `A script has one line for each thing that happens. Empty lines and lines that start with # are passed over.

  after 2s move external_id=app-1 stage="Phone Screen"   once, 2s after the start; if the candidate is not there yet,
                                                         as soon as it is
  every 500ms move-random 20                             again and again; times=10 ends it after ten times
  each 3s advance                                        for every candidate, 3s after it arrived

What can be done is what the control API lists under actions; arguments are name=value, with quotes where a value has spaces.
employer=NAME names the employer; without it a candidate is looked for at all of them. The same line as JSON:

  {"after": "2s", "do": "move", "employer": "harbor-robotics", "args": {"external_id": "app-1", "stage": "Phone Screen"}}
`

// when says how a line is timed.
type when string

const (
	whenAfter when = "after"
	whenEvery when = "every"
	whenEach  when = "each"
)

// scriptLine is one parsed line.
type scriptLine struct {
	number   int
	when     when
	delay    time.Duration
	action   Action
	employer string
	args     map[string]json.RawMessage
	times    int
}

// Script is what happens by itself while the simulator runs.
type Script struct{ lines []scriptLine }

// Every adds a line that moves n random candidates again and again.
func (s *Script) Every(delay time.Duration, n int) error {
	line, err := parseScriptLine(fmt.Sprintf("every %s move_random %d", delay, n))
	if err != nil {
		return err
	}
	line.number = len(s.lines) + 1
	s.lines = append(s.lines, line)
	return nil
}

// ParseScript reads a script. All problems are reported at once, each with its line.
func ParseScript(r io.Reader) (*Script, error) {
	s := new(Script)
	var problems []error
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		n++
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		parse := parseScriptLine
		if strings.HasPrefix(text, "{") {
			parse = parseScriptJSON
		}
		line, err := parse(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		line.number = n
		s.lines = append(s.lines, line)
	}
	if err := lines.Err(); err != nil {
		problems = append(problems, fmt.Errorf("line %d: %w", n+1, err))
	}
	return s, errors.Join(problems...)
}

func parseScriptJSON(text string) (scriptLine, error) {
	var in struct {
		After    *Duration                  `json:"after"`
		Every    *Duration                  `json:"every"`
		Each     *Duration                  `json:"each"`
		Do       string                     `json:"do"`
		Employer string                     `json:"employer"`
		Times    int                        `json:"times"`
		Args     map[string]json.RawMessage `json:"args"`
	}
	if err := decodeStrict([]byte(text), &in); err != nil {
		return scriptLine{}, err
	}
	line := scriptLine{employer: in.Employer, times: in.Times, args: in.Args}
	given := 0
	for _, t := range []struct {
		when  when
		delay *Duration
	}{{whenAfter, in.After}, {whenEvery, in.Every}, {whenEach, in.Each}} {
		if t.delay != nil {
			given++
			line.when, line.delay = t.when, time.Duration(*t.delay)
		}
	}
	if given != 1 {
		return scriptLine{}, inputErrorf("$", "exactly one of after, every and each is needed, got %d", given)
	}
	return line.complete(in.Do)
}

func parseScriptLine(text string) (scriptLine, error) {
	words, err := splitWords(text)
	if err != nil {
		return scriptLine{}, err
	}
	if len(words) < 3 {
		return scriptLine{}, inputErrorf("$", "expected after, every or each, a duration and an action")
	}
	line := scriptLine{when: when(words[0].text), args: make(map[string]json.RawMessage)}
	if line.when != whenAfter && line.when != whenEvery && line.when != whenEach {
		return scriptLine{}, inputErrorf("$", "a line starts with after, every or each, not %q", clip(words[0].text, 40))
	}
	if line.delay, err = time.ParseDuration(words[1].text); err != nil || line.delay < 0 {
		return scriptLine{}, inputErrorf("$."+words[0].text, "%q is not a duration such as 2s", clip(words[1].text, 40))
	}
	action, ok := findAction(words[2].text)
	if !ok {
		return scriptLine{}, inputErrorf("$.do", "unknown action %q%s", clip(words[2].text, 40), suggestion(words[2].text, actionNames()))
	}
	for _, w := range words[3:] {
		if err := line.take(action, w); err != nil {
			return scriptLine{}, err
		}
	}
	return line.complete(action.Name)
}

// take reads one name=value of the text form.
func (l *scriptLine) take(action Action, w word) error {
	name := w.name
	if name == "" {
		if action.bare == "" {
			return inputErrorf("$", "%q has no name; %s takes %s", clip(w.text, 40), action.Name, strings.Join(action.Args, ", "))
		}
		name = action.bare
	}
	switch name {
	case "employer":
		l.employer = w.text
		return nil
	case "times":
		n, err := strconv.Atoi(w.text)
		if err != nil || n < 1 {
			return inputErrorf("$.times", "expected a whole number from 1, got %q", clip(w.text, 40))
		}
		l.times = n
		return nil
	}
	l.args[name] = w.value(action.args, name)
	return nil
}

// complete checks what both forms share, the arguments included.
func (l scriptLine) complete(action string) (scriptLine, error) {
	a, ok := findAction(action)
	if !ok {
		return scriptLine{}, inputErrorf("$.do", "unknown action %q%s", clip(action, 40), suggestion(action, actionNames()))
	}
	l.action = a
	switch {
	case l.when == whenEvery && l.delay <= 0:
		return scriptLine{}, inputErrorf("$.every", "must be longer than nothing")
	case l.when == whenEach && !a.targeted():
		return scriptLine{}, inputErrorf("$.do", "%s is not about a candidate, so it cannot be done for each", a.Name)
	case l.times < 0 || (l.times > 0 && l.when != whenEvery):
		return scriptLine{}, inputErrorf("$.times", "is for every only, from 1")
	}
	if err := decodeStrict(mustJSON(l.arguments()), reflect.New(a.args).Interface()); err != nil {
		return scriptLine{}, err
	}
	return l, nil
}

func (l scriptLine) arguments() map[string]json.RawMessage {
	if l.args == nil {
		return map[string]json.RawMessage{}
	}
	return l.args
}

// word is one word of the text form: name=value, or a bare value.
type word struct {
	name, text string
	quoted     bool
}

// value gives the JSON of a word, by the type of the argument that it is for.
func (w word) value(args reflect.Type, name string) json.RawMessage {
	if w.quoted {
		return mustJSON(w.text)
	}
	t, known := reflect.Type(nil), args.Kind() == reflect.Map
	if args.Kind() == reflect.Struct {
		t, known = jsonFields(args)[name]
		for known && t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
	}
	// Texts stay texts even if they look like numbers: external_id=42 names "42".
	if known && t != nil && t.Kind() == reflect.String {
		return mustJSON(w.text)
	}
	if json.Valid([]byte(w.text)) {
		return json.RawMessage(w.text)
	}
	return mustJSON(w.text)
}

// splitWords splits at spaces, outside of double quotes.
func splitWords(text string) ([]word, error) {
	var words []word
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		var w word
		end := strings.IndexAny(rest, " \t=\"")
		if end > 0 && rest[end] == '=' {
			w.name, rest = rest[:end], rest[end+1:]
		}
		if strings.HasPrefix(rest, `"`) {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, inputErrorf("$", "a quote is not closed: %s", clip(rest, 40))
			}
			if w.text, err = strconv.Unquote(quoted); err != nil {
				return nil, inputErrorf("$", "a quoted text cannot be read: %s", clip(quoted, 40))
			}
			w.quoted, rest = true, rest[len(quoted):]
			if rest != "" && rest[0] != ' ' && rest[0] != '\t' {
				return nil, inputErrorf("$", "a space is missing after %s", clip(quoted, 40))
			}
		} else {
			w.text, rest, _ = strings.Cut(strings.ReplaceAll(rest, "\t", " "), " ")
		}
		words = append(words, w)
	}
	return words, nil
}
