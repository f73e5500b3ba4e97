package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/atssync/atssync/scripts/lib/people"
	"github.com/atssync/atssync/scripts/lib/rig"
)

// bare runs a load against the bare server, in a process of its own like the daemon's.
func bare(ctx context.Context, socket string, through func(socket string) (load, error)) (load, error) {
	self, err := os.Executable()
	if err != nil {
		return load{}, err
	}
	cmd := exec.Command(self, "-serve-floor", socket)
	cmd.Stderr = os.Stderr
	p, err := rig.Start(cmd)
	if err != nil {
		return load{}, err
	}
	defer p.Stop()
	err = rig.Until(ctx, 10*time.Second, 5*time.Millisecond, func() (bool, error) {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return false, nil //nolint:nilerr // it is not listening yet.
		}
		return true, conn.Close()
	})
	if err != nil {
		return load{}, err
	}
	return through(socket)
}

// serveBare is what a request costs at least in Go: net/http decodes each document and answers; nothing is judged, sealed
// or kept.
func serveBare(ctx context.Context, socket string) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/submissions", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var d people.Document
		if err == nil {
			err = json.Unmarshal(body, &d)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(answerOf(d))
	})
	mux.HandleFunc("POST /v1/submissions:batch", func(w http.ResponseWriter, r *http.Request) {
		lines := bufio.NewScanner(r.Body)
		lines.Buffer(make([]byte, 64<<10), 1<<20)
		out := bufio.NewWriter(w)
		_ = http.NewResponseController(w).EnableFullDuplex()
		for lines.Scan() {
			var d people.Document
			if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			_ = json.NewEncoder(out).Encode(answerOf(d))
		}
		_ = out.Flush()
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { <-ctx.Done(); _ = server.Close() }()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

type bareAnswer struct {
	Result     string `json:"result"`
	Connection string `json:"connection"`
	ExternalID string `json:"external_id"`
	Job        string `json:"job"`
}

func answerOf(d people.Document) bareAnswer {
	return bareAnswer{"accepted", d.Connection, d.ExternalID, d.Job}
}
