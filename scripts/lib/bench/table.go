package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// result is one row of the table.
type result struct {
	Row      string `json:"row"`
	Target   string `json:"target"`
	Measured string `json:"measured"`
	Floor    string `json:"floor,omitempty"`
	Ceiling  string `json:"ceiling,omitempty"`
	How      string `json:"how"`
	Met      bool   `json:"met"`
	// Numbers are the measured values by name; rates by the second, times in seconds, memory in bytes.
	Numbers map[string]float64 `json:"numbers"`
}

func printJSON(w io.Writer, results []result, others float64) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"cpus": runtime.NumCPU(), "go": runtime.Version(), "load_before": others, "rows": results})
}

func printTable(w io.Writer, results []result, began time.Time, others float64) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "row\ttarget\tmeasured\t\tfloor\tceiling")
	for _, r := range results {
		met := "below"
		if r.Met {
			met = "ok"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Row, r.Target, r.Measured, met, orDash(r.Floor), orDash(r.Ceiling))
	}
	_ = t.Flush()
	fmt.Fprintln(w, "\nhow")
	for _, r := range results {
		lines := wrapped(r.How, 104)
		fmt.Fprintf(w, "  %-14s  %s\n", r.Row, strings.Join(lines, "\n"+strings.Repeat(" ", 18)))
	}
	fmt.Fprintf(w, "\n%d CPUs, shared with the load generator and the simulator; %s; %s in all\n",
		runtime.NumCPU(), runtime.Version(), time.Since(began).Round(time.Second))
	if others > 0.5 {
		fmt.Fprintf(w, "the machine was not quiet: its load was %.1f before the first row; compare with floor and ceiling\n", others)
	}
}

// wrapped breaks a text into lines of that many characters at most.
func wrapped(text string, most int) (lines []string) {
	line, long := "", 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		if long > 0 && long+1+n > most {
			lines, line, long = append(lines, line), "", 0
		}
		if long > 0 {
			line, long = line+" ", long+1
		}
		line, long = line+word, long+n
	}
	return append(lines, line)
}

// loadAverage is how many processes wanted a processor in the last minute; 0 when nobody says.
func loadAverage() (n float64) {
	b, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		_, _ = fmt.Sscan(string(b), &n)
	}
	return n
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// rate writes a number of things a second.
func rate(n float64) string { return thousands(int64(n)) + "/s" }

// thousands writes a number with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return strings.Join(append([]string{s}, parts...), ",")
}

// ms writes a duration in milliseconds.
func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// kib writes bytes in units of 2^10.
func kib(n float64) string { return thousands(int64(n)>>10) + " KiB" }

// mib writes bytes in units of 2^20.
func mib(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
