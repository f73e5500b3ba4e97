package manage

import (
	"math"
	"slices"
	"strings"
)

// levels are words that make two titles different jobs where the rest is the same.
var levels = map[string]bool{
	"junior": true, "senior": true, "lead": true, "principal": true, "staff": true, "head": true, "director": true,
	"intern": true, "internship": true, "trainee": true, "working": true, "chief": true, "assistant": true, "associate": true,
	"vice": true, "manager": true, "1": true, "2": true, "3": true, "4": true, "5": true,
}

// entry is one job's title in words, and its place.
type entry struct {
	words []string
	level string // its level words, sorted
	place string
	norm  string
}

func (in pairing) entries() (platform, ats []entry) {
	make1 := func(title, location string) entry {
		e := entry{words: in.places.title(title), place: plain(location)}
		e.norm = strings.Join(e.words, " ")
		var level []string
		for _, w := range e.words {
			if levels[w] {
				level = append(level, w)
			}
		}
		slices.Sort(level)
		e.level = strings.Join(level, " ")
		slices.Sort(e.words)
		e.words = slices.Compact(e.words)
		return e
	}
	for _, j := range in.platform {
		platform = append(platform, make1(j.Title, j.Location))
	}
	for _, j := range in.ats {
		ats = append(ats, make1(j.Name, j.Location))
	}
	return platform, ats
}

// alike pairs titles that are the same or similar. Words that many titles have weigh little; a job is compared only
// with those that share a word with it.
func (in pairing) alike() []pair {
	platform, ats := in.entries()
	weight := weights(platform, ats)
	withWord := make(map[string][]int)
	total := make([]float64, len(ats))
	for i, e := range ats {
		for _, w := range e.words {
			withWord[w] = append(withWord[w], i)
			total[i] += weight[w]
		}
	}
	var out []pair
	common := make([]float64, len(ats))
	var touched []int
	for p, e := range platform {
		own := 0.0
		touched = touched[:0]
		for _, w := range e.words {
			own += weight[w]
			for _, a := range withWord[w] {
				if common[a] == 0 {
					touched = append(touched, a)
				}
				common[a] += weight[w]
			}
		}
		for _, a := range touched {
			score := 2 * common[a] / (own + total[a])
			common[a] = 0
			if x, ok := judgePair(e, ats[a], score); ok {
				x.p, x.a = p, a
				out = append(out, x)
			}
		}
	}
	return out
}

// judgePair makes a pair of two titles that share words, unless they are too far apart. The score of a pair with the
// same title tells how well the places go together.
func judgePair(p, a entry, score float64) (pair, bool) {
	near := 0.5
	switch {
	case p.place == "" || a.place == "":
	case p.place == a.place:
		near = 1
	case strings.Contains(" "+a.place+" ", " "+p.place+" ") || strings.Contains(" "+p.place+" ", " "+a.place+" "):
		near = 0.9
	default:
		near = 0.1
	}
	if p.norm == a.norm {
		return pair{rank: 2, score: near}, true
	}
	if p.level != a.level {
		score *= 0.7
	}
	score *= 0.85 + 0.15*near
	return pair{rank: 3, score: score}, score >= leastSimilar
}

// weights says how much each word tells: the fewer titles have it, the more.
func weights(lists ...[]entry) map[string]float64 {
	count, n := make(map[string]int), 0
	for _, list := range lists {
		n += len(list)
		for _, e := range list {
			for _, w := range e.words {
				count[w]++
			}
		}
	}
	out := make(map[string]float64, len(count))
	for w, c := range count {
		out[w] = 0.4 + math.Log(1+float64(n)/float64(c))
	}
	return out
}
