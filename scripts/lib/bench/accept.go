package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
)

const (
	oneCallers   = 64
	batchCallers = 4
	batchSize    = 500

	headerOne  = "Content-Type: application/json\r\n"
	headerMany = "Content-Type: application/x-ndjson\r\n"
)

// acceptOne measures documents that are accepted durably, one a request.
func acceptOne(ctx context.Context, b *bench) (result, error) {
	r, err := accepted(ctx, b, "accept", oneCallers, func(w *world, s *sender, next func() int64) caller {
		var doc []byte
		return func(context.Context) (int, error) {
			doc = w.forms.write(doc[:0], next())
			return 1, answered(s, "/v1/submissions", headerOne, doc, 1)
		}
	})
	if err != nil {
		return r, err
	}
	r.Target = "≥ 8,000/s, p99 ≤ 50 ms"
	r.Met = r.Numbers["rate"] >= 8000 && r.Numbers["p99"] <= 0.050
	r.How = fmt.Sprintf("%d clients on the socket, one document a POST, each answered once it is on disk; nothing is sent meanwhile; %s", oneCallers, r.How)
	return r, nil
}

// acceptBatch measures documents that are accepted durably, 500 a request.
func acceptBatch(ctx context.Context, b *bench) (result, error) {
	r, err := accepted(ctx, b, "accept-batch", batchCallers, func(w *world, s *sender, next func() int64) caller {
		var docs []byte
		return func(context.Context) (int, error) {
			docs = docs[:0]
			for range batchSize {
				docs = append(w.forms.write(docs, next()), '\n')
			}
			return batchSize, answered(s, "/v1/submissions:batch", headerMany, docs, batchSize)
		}
	})
	if err != nil {
		return r, err
	}
	r.Target = "≥ 25,000/s"
	r.Met = r.Numbers["rate"] >= 25_000
	r.How = fmt.Sprintf("%d clients on the socket, %d documents a POST as NDJSON; %s", batchCallers, batchSize, r.How)
	return r, nil
}

// accepted measures one way in, and the floor and ceiling of the same documents.
func accepted(ctx context.Context, b *bench, row string, callers int, calls func(w *world, s *sender, next func() int64) caller) (result, error) {
	w, err := b.accepting(ctx)
	if err != nil {
		return result{}, err
	}
	next := func() int64 { return atomic.AddInt64(&w.written, 1) }
	through := func(socket string) (load, error) {
		list := make([]caller, callers)
		for i := range list {
			s, err := dial("unix", socket)
			if err != nil {
				return load{}, err
			}
			defer s.close()
			list[i] = calls(w, s, next)
		}
		return drive(ctx, b.seconds, list)
	}
	profiled := b.profile(ctx, w, row, b.seconds)
	before, err := w.usage(ctx)
	if err != nil {
		return result{}, err
	}
	got, err := through(w.socket())
	if err != nil {
		return result{}, err
	}
	after, err := w.usage(ctx)
	if err != nil {
		return result{}, err
	}
	if err := profiled(); err != nil {
		return result{}, err
	}
	floor, err := bare(ctx, filepath.Join(b.root, "floor.sock"), through)
	if err != nil {
		return result{}, fmt.Errorf("the bare server: %w", err)
	}
	size := batchSize
	if callers == oneCallers {
		size = 1
	}
	ceiling, err := commits(ctx, filepath.Join(b.root, "ceiling"), b.seconds/2, callers, func() [][]byte {
		out := make([][]byte, size)
		for i := range out {
			out[i] = w.forms.write(nil, next())
		}
		return out
	})
	if err != nil {
		return result{}, fmt.Errorf("bare Badger: %w", err)
	}
	perDocument := (after.daemon - before.daemon).Seconds() / (got.rate() * (got.took + warmUp).Seconds())
	return result{
		Measured: fmt.Sprintf("%s, p50 %s, p99 %s", rate(got.rate()), ms(got.percentile(50)), ms(got.percentile(99))),
		Floor:    rate(floor.rate()), Ceiling: rate(ceiling.rate()),
		How: fmt.Sprintf("the daemon took %.0f µs of processor time a document, and %s; floor: a bare HTTP server that decodes the same; "+
			"ceiling: bare Badger that commits the same", perDocument*1e6, after.since(before.commitCount)),
		Numbers: map[string]float64{
			"rate": got.rate(), "p50": got.percentile(50).Seconds(), "p99": got.percentile(99).Seconds(),
			"floor_rate": floor.rate(), "ceiling_rate": ceiling.rate(), "daemon_cpu_per_document": perDocument,
		},
	}, nil
}

// answered makes a request of n documents and holds the answer to n new submissions.
func answered(s *sender, path, header string, body []byte, n int) error {
	status, answer, err := s.post(path, header, body)
	if err != nil {
		return err
	}
	if status >= 300 || bytes.Count(answer, []byte(`"result":"accepted"`)) != n {
		return fmt.Errorf("status %d for %d documents: %.2000s", status, n, answer)
	}
	return nil
}
