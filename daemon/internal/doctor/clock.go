package doctor

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxSkew is how far the clock may be from that of an ATS; its resolution is a second.
	maxSkew = 60 * time.Second
	// timeError is what adjtimex returns for a clock that nobody keeps right.
	timeError = 5
)

// youngest and oldest bound what a clock can plausibly say.
var (
	youngest = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	oldest   = time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC)
)

const setClock = "have the clock set over the network: systemctl enable --now systemd-timesyncd, or chrony"

func checkClock(_ context.Context, p *patient) []Finding {
	out := []Finding{synchronised(), plausible(time.Now())}
	for _, h := range p.hosts() {
		if !h.date.IsZero() {
			out = append(out, skewed(h))
		}
	}
	return out
}

func synchronised() Finding {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case err != nil:
		return notRun("synchronisation", "the system does not tell: "+said(err), asRoot)
	case state == timeError || t.Status&unix.STA_UNSYNC != 0:
		return warning("synchronisation", "nothing keeps the clock of this machine right", setClock)
	}
	return well("synchronisation", "the clock is kept right")
}

func plausible(now time.Time) Finding {
	if now.Before(youngest) || now.After(oldest) {
		return trouble("time", fmt.Sprintf("the clock says %s", now.UTC().Format(time.RFC3339)), setClock)
	}
	return well("time", now.UTC().Format(time.RFC3339))
}

// skewed compares the clock with that of a host. The answer came between two looks at the clock, so that both count.
func skewed(h hostLook) Finding {
	skew := h.askedAt.Sub(h.date)
	if early := h.date.Sub(h.answeredAt); early > 0 {
		skew = -early
	}
	if skew > maxSkew || skew < -maxSkew {
		way := "ahead of"
		if skew < 0 {
			way, skew = "behind", -skew
		}
		return trouble(h.address, fmt.Sprintf("the clock is %s %s that of %s: signatures are refused and changes are missed", skew.Round(time.Second), way, h.address), setClock)
	}
	return well(h.address, "the clock agrees with that of "+h.address)
}
