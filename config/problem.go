package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a config file. It never holds a line of the file or a secret.
type Problem struct {
	File    string
	Line    int    // 1 for the first line; 0 where no line is known
	Key     string // dotted path such as connections[0].adapter (counted from 0); empty for the file as a whole
	Message string // what is wrong and what to write instead
	Nearest string // the known key that an unknown one most resembles; empty for none

	// Elsewhere says that the file is not wrong for all: this process lacks the permission, the environment variable or the
	// systemd credential, and the daemon may have it.
	Elsewhere bool
}

// String returns the problem as one line: file, line, key, message.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Message)
	if p.Nearest != "" {
		fmt.Fprintf(&b, "; did you mean %q?", p.Nearest)
	}
	return b.String()
}

// Problems is everything wrong with one file, in the order of its lines.
type Problems []Problem

// Error returns one line a problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Message, b.Message))
	})
	return ps
}

// nearest returns the candidate that word most resembles, or "" when none is close enough to be a slip of the
// keyboard or the beginning of it. Case does not count: TIMEOUT is nearest to timeout.
func nearest(word string, candidates []string) string {
	word = strings.ToLower(word)
	best, bestDistance := "", 1+max(2, len(word)/3)
	for _, c := range candidates {
		if d := distance(word, strings.ToLower(c), bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best == "" && len(word) >= 3 {
		if i := slices.IndexFunc(candidates, func(c string) bool { return strings.HasPrefix(c, word) }); i >= 0 {
			best = candidates[i]
		}
	}
	return best
}

// distance is the number of single-letter changes, insertions, deletions and swaps of neighbours between a and b.
// Words whose lengths alone differ by limit or more are not compared.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			change := prev[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			cur[j] = min(change, prev[j]+1, cur[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
