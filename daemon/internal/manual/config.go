package manual

import "strings"

const aboutConfig = `The daemon reads one file in TOML. Every key is listed here with its default; what is left out has the same value. A line that begins with #
shows the form of something that has no default.

Durations and sizes are strings with a unit. An unknown key is an error. Each secret is given as { file = "/path" }, { env = "NAME" } or
{ credential = "name" } of systemd. atssync config check tells every mistake at once, with its line.`

// Config returns the page of the config file, atssync.toml.5, made of the example file that holds every key.
func Config(example string, o Options) string {
	var p page
	p.heading("atssync.toml", 5, o)
	p.section("NAME")
	p.WriteString("atssync.toml \\- the config file of the atssync daemon\n")
	p.section("SYNOPSIS")
	p.prose("/etc/atssync/atssync.toml")
	p.section("DESCRIPTION")
	p.prose(aboutConfig)
	p.tables(example)
	p.section("SEE ALSO")
	p.prose("atssync(1), atssync-config-check(1), atssync-config-example(1)")
	return p.String()
}

// tables writes the example's tables and keys. A comment tells of the key or table below it; the file begins with one that tells of the
// file, and an empty line ends it.
func (p *page) tables(example string) {
	var told []string
	for l := range strings.Lines(example) {
		l = strings.TrimSpace(l)
		bare := strings.TrimPrefix(l, "#")
		switch {
		case l == "":
			told = nil
		case strings.HasPrefix(l, "# "):
			told = append(told, strings.TrimPrefix(l, "# "))
		case strings.HasPrefix(bare, "["):
			p.section(strings.ToUpper(bare))
			p.prose(strings.Join(told, "\n"))
			told = nil
		default:
			p.tagged(l, strings.Join(told, " "))
			told = nil
		}
	}
}
