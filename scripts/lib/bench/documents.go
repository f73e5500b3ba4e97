package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/atssync/atssync/scripts/lib/people"
)

// target is where documents go: a connection and a platform job that is linked on it.
type target struct{ connection, job string }

// form is the document of one invented person, in parts between which the number of the application stands.
type form [][]byte

// forms write any number of different documents at little cost, so that the load generator leaves the processors to
// what is measured.
type forms struct{ each []form }

const (
	// place is the number that an invented document has where the number of the application goes.
	place = 987_654_321
	// firstNumber makes all numbers as long as place.
	firstNumber = 100_000_000
	// peopleEach is how many people a target has at most, and peopleAll how many all have about; after them come their
	// namesakes.
	peopleEach, peopleAll = 40, 2_000
)

// newForms invents people for the targets, who take turns.
func newForms(targets []target) (*forms, error) {
	f := &forms{}
	for seed := range uint64(max(1, min(peopleEach, peopleAll/len(targets)))) {
		for _, t := range targets {
			b, err := json.Marshal(people.Invent(seed+1, place, t.connection, t.job, time.Now()))
			if err != nil {
				return nil, err
			}
			f.each = append(f.each, bytes.Split(b, []byte(strconv.Itoa(place))))
		}
	}
	return f, nil
}

// write appends the n-th document to b. The same n gives the same document.
func (f *forms) write(b []byte, n int64) []byte {
	for i, part := range f.each[n%int64(len(f.each))] {
		if i > 0 {
			b = strconv.AppendInt(b, firstNumber+n, 10)
		}
		b = append(b, part...)
	}
	return b
}
