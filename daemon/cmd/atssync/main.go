// Command atssync puts job applications into applicant tracking systems and brings their statuses back. See: atssync help.
package main

import (
	"os"

	"github.com/atssync/atssync/daemon/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:]))
}
