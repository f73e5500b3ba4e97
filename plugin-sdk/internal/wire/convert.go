package wire

import (
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// listToWire converts a slice of values into a slice of pointers to one block of memory.
func listToWire[S, D any](in []S, put func(*D, *S)) []*D {
	if len(in) == 0 {
		return nil
	}
	block, out := make([]D, len(in)), make([]*D, len(in))
	for i := range in {
		put(&block[i], &in[i])
		out[i] = &block[i]
	}
	return out
}

// listFromWire is the way back.
func listFromWire[S, D any](in []*S, put func(*D, *S)) []D {
	if len(in) == 0 {
		return nil
	}
	out := make([]D, len(in))
	for i, w := range in {
		put(&out[i], w)
	}
	return out
}

// textToWire makes s fit for a string field: protobuf refuses a message with invalid UTF-8 as a whole.
func textToWire(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// textsToWire copies only when it must.
func textsToWire(in []string) []string {
	for _, s := range in {
		if !utf8.ValidString(s) {
			out := make([]string, len(in))
			for i := range in {
				out[i] = textToWire(in[i])
			}
			return out
		}
	}
	return in
}

// wordsToWire converts a list of words of a closed set.
func wordsToWire[W ~string](in []W) []string {
	if len(in) == 0 {
		return nil
	}
	out := make([]string, len(in))
	for i, w := range in {
		out[i] = textToWire(string(w))
	}
	return out
}

func numbersToWire(in []int) []int32 {
	if len(in) == 0 {
		return nil
	}
	out := make([]int32, len(in))
	for i, n := range in {
		out[i] = intToWire(n)
	}
	return out
}

func numbersFromWire(in []int32) []int {
	if len(in) == 0 {
		return nil
	}
	out := make([]int, len(in))
	for i, n := range in {
		out[i] = int(n)
	}
	return out
}

// intToWire clamps: a count beyond 2^31 has no other meaning here than very many.
func intToWire(n int) int32 {
	const most = 1<<31 - 1
	return int32(max(-most-1, min(most, n)))
}

// timeToWire maps the zero time to absence.
func timeToWire(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// timeFromWire returns UTC, and the zero time for an absent or impossible one.
func timeFromWire(t *timestamppb.Timestamp) time.Time {
	if t == nil || !t.IsValid() {
		return time.Time{}
	}
	return t.AsTime()
}

func durationToWire(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

// durationFromWire treats a negative or impossible duration as not known.
func durationFromWire(d *durationpb.Duration) time.Duration {
	if d == nil || !d.IsValid() {
		return 0
	}
	return max(0, d.AsDuration())
}

// known returns w when it is one of the set or empty, and otherwise instead.
func known[W ~string](w string, set []W, instead W) W {
	if w == "" {
		return ""
	}
	for _, k := range set {
		if string(k) == w {
			return k
		}
	}
	return instead
}
