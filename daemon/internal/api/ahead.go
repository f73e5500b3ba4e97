package api

import (
	"io"
	"time"
)

// ahead reads a stream before it is asked for, so that who works on it can tell whether more is on its way. It keeps two
// pieces at most.
type ahead struct {
	full chan piece
	free chan []byte
	done chan struct{}

	piece piece // what is read from now
	left  []byte
}

type piece struct {
	data []byte
	err  error
}

const (
	pieceSize  = 64 << 10
	leftPieces = 4
	pieceSoon  = 10 * time.Millisecond
)

// readAhead begins to read; end has to be called.
func readAhead(from io.Reader) *ahead {
	a := &ahead{full: make(chan piece, 1), free: make(chan []byte, 2), done: make(chan struct{})}
	a.free <- make([]byte, pieceSize)
	a.free <- make([]byte, pieceSize)
	go func() {
		defer close(a.done)
		defer close(a.full)
		for buf := range a.free {
			n, err := from.Read(buf[:pieceSize])
			a.full <- piece{buf[:n], err}
			if err != nil {
				return
			}
		}
	}()
	return a
}

// ready reports whether there is something to read within a while.
func (a *ahead) ready(within time.Duration) bool {
	if len(a.left) > 0 || a.piece.err != nil {
		return true
	}
	select {
	case p := <-a.full:
		a.take(p)
		return true
	default:
	}
	if within <= 0 {
		return false
	}
	patience := time.NewTimer(within)
	defer patience.Stop()
	select {
	case p := <-a.full:
		a.take(p)
		return true
	case <-patience.C:
		return false
	}
}

// take goes on to the next piece and gives the one before back.
func (a *ahead) take(p piece) {
	if a.piece.data != nil {
		a.free <- a.piece.data
	}
	a.piece, a.left = p, p.data
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.left) == 0 {
		if a.piece.err != nil {
			return 0, a.piece.err
		}
		a.take(<-a.full)
	}
	n := copy(p, a.left)
	a.left = a.left[n:]
	return n, nil
}

// end waits for the reading to end. What is left of a body is read where it is little and there, as net/http does: its
// connection can then serve another request. Else interrupt is called, which ends a read that waits.
func (a *ahead) end(interrupt func()) {
	for range leftPieces {
		if a.left = nil; !a.ready(pieceSoon) {
			break
		}
	}
	if a.piece.err == nil {
		interrupt()
	}
	close(a.free)
	for range a.full { // what was read and not asked for is dropped
	}
	<-a.done
}
