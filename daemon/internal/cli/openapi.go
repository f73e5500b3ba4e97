package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) openapi() *cobra.Command {
	return &cobra.Command{
		Use: "openapi", Short: "Print the description of the HTTP API", Args: cobra.NoArgs,
		Long: `Print the description of the HTTP API: OpenAPI 3.1 as JSON, for generators of clients and for linters. No daemon is needed. A daemon that
listens for HTTP serves the same at /v1/openapi.json, and pages for people at /v1/docs.`,
		Example: "  atssync openapi > openapi.json",
		RunE: c.do(func(*cobra.Command, []string) error {
			b, err := api.Description(buildOf().Version)
			if err != nil {
				return err
			}
			_, err = c.Out.Write(append(b, '\n'))
			return err
		}),
	}
}

// helpProblems is a topic of the help: the table of what the API refuses with.
func helpProblems() *cobra.Command {
	var b strings.Builder
	b.WriteString("What the HTTP API refuses with (application/problem+json, RFC 9457), by code. The docs at /v1/docs have the same table.\n")
	for _, p := range api.Problems() {
		statuses := strings.Trim(strings.ReplaceAll(fmt.Sprint(p.Statuses), " ", ", "), "[]")
		fmt.Fprintf(&b, "\n  %s (%s)\n      %s\n      %s\n", p.Code, statuses, strings.ReplaceAll(p.Meaning, "`", ""), strings.ReplaceAll(p.ToDo, "`", ""))
	}
	return &cobra.Command{Use: "problems", Short: "What the HTTP API refuses with", Long: b.String()}
}
