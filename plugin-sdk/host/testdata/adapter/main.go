// Command adapter is what the tests of package host start: an adapter that misbehaves on request, at its
// start by the variable MODE and in a call by the external id of the item.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	plugin "github.com/hashicorp/go-plugin"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/internal/wire"
	"github.com/atssync/atssync/plugin-sdk/serve"
)

func main() {
	switch os.Getenv("MODE") {
	case "exit":
		fmt.Fprintln(os.Stderr, "no licence for today")
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Hour)
	case "garbage":
		fmt.Println("Welcome to the adapter!")
		fmt.Print("loading 51")
	case "flood":
		for {
			fmt.Println("noise")
		}
	case "protocol":
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig:  wire.Handshake(),
			VersionedPlugins: map[int]plugin.PluginSet{99: wire.Sets(wire.NewServer(&adapter{}))[sdk.ContractVersion]},
			GRPCServer:       plugin.DefaultGRPCServer,
		})
		return
	case "far":
		fmt.Println("1|1|tcp|192.0.2.1:80|grpc|")
		time.Sleep(time.Hour)
	case "netrpc":
		fmt.Println("1|1|unix|/nowhere|netrpc|")
		time.Sleep(time.Hour)
	case "deaf":
		fmt.Println("1|1|unix|/nowhere|grpc|")
		time.Sleep(time.Hour)
	case "foreign":
		serveByHand()
	case "lying":
		serve.Main(&adapter{extra: []sdk.Power{sdk.PowerFind}})
	case "silent":
		serve.Main(struct {
			*adapter
			sdk.Finder
		}{adapter: &adapter{}})
	case "grandchild":
		cmd := exec.Command("sleep", "300")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			panic(err)
		}
	}
	serve.Main(&adapter{})
}

type adapter struct{ extra []sdk.Power }

func (a *adapter) Describe(_ context.Context, req sdk.DescribeRequest) (sdk.Manifest, error) {
	return sdk.Manifest{
		Name: "tester", Label: "Tester", Version: "0.1.0", ContractMin: 1, ContractMax: 1,
		Powers: append([]sdk.Power{sdk.PowerSubmit}, a.extra...),
		Steps:  []string{"Tell " + req.PartnerName + "."},
	}, nil
}

func (a *adapter) Check(context.Context, sdk.CheckRequest) (sdk.CheckReply, error) {
	return sdk.CheckReply{Host: "ats.example.com"}, nil
}

func (a *adapter) Submit(ctx context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
	out := sdk.SubmitOutcome{Kind: sdk.OutcomeCreated, Receipt: sdk.Receipt{CandidateID: "c-" + req.Items[0].ExternalID}}
	switch req.Items[0].ExternalID {
	case "crash":
		log.Print("about to crash")
		go panic("the adapter is broken")
		<-ctx.Done()
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		<-ctx.Done()
	case "panic":
		panic("only this call")
	case "hang":
		serve.Logger(ctx).Info("call begins")
		time.Sleep(time.Hour)
	case "deadline":
		d, ok := ctx.Deadline()
		out.Message = fmt.Sprint(ok, time.Until(d) > 0)
	case "slow":
		serve.Logger(ctx).Info("call begins")
		time.Sleep(700 * time.Millisecond)
	case "env":
		out.Message = strings.Join(os.Environ(), "\n")
	case "print":
		fmt.Println("printed to stdout in a call")
		fmt.Fprintln(os.Stderr, "printed to stderr in a call")
		fmt.Fprint(os.NewFile(1, "fd1"), "printed to fd 1 in a call\n")
		fmt.Fprint(os.NewFile(2, "fd2"), `{"@message":1,"@level":{}}`+"\n", "{\n", "\xff\xfe\n", strings.Repeat("x", 100_000)+"\n")
		serve.Logger(ctx).Warn("a log line", "secret", req.Connection.Value("key"), "took", time.Second)
	}
	return sdk.SubmitReply{Outcomes: []sdk.SubmitOutcome{out}}, nil
}
