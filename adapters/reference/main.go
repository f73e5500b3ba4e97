package main

import (
	"github.com/atssync/atssync/adapters/reference/simulator"
	"github.com/atssync/atssync/plugin-sdk/serve"
)

func main() {
	serve.Main(newAdapter(), serve.Simulator(simulator.Run))
}
