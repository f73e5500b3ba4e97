package console

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/page"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// words turns a stable word into one for people: already_applied becomes "already applied".
func words(v any) string { return strings.ReplaceAll(fmt.Sprint(v), "_", " ") }

// stateBadge shows the state of a submission, and of one that is held why.
func stateBadge(s atssync.State) template.HTML {
	kinds := map[atssync.State]page.Kind{
		atssync.StateSubmitted: page.KindOK, atssync.StateAlreadyApplied: page.KindOK, atssync.StateQueued: page.KindInfo,
		atssync.StateSending: page.KindInfo, atssync.StateHeld: page.KindWarn, atssync.StateUncertain: page.KindBad, atssync.StateRefused: page.KindBad,
	}
	return badge(kinds[s], words(s))
}

func badge(k page.Kind, text string) template.HTML {
	if k == "" {
		k = page.KindIdle
	}
	return page.Badge(k, text)
}

// healthBadge shows how an operation is.
func healthBadge(h atssync.HealthState) template.HTML {
	switch h {
	case atssync.HealthOK, "":
		return badge(page.KindOK, "works")
	case atssync.HealthFailing:
		return badge(page.KindWarn, "failing")
	case atssync.HealthStopped:
		return badge(page.KindBad, "stopped")
	case atssync.HealthCanary:
		return badge(page.KindInfo, "trying one")
	case atssync.HealthDraining:
		return badge(page.KindInfo, "catching up")
	}
	return badge(page.KindIdle, words(h))
}

// statusBadge shows the status of an application in the ATS.
func statusBadge(s sdk.Status) template.HTML {
	kinds := map[sdk.Status]page.Kind{sdk.StatusHired: page.KindOK, sdk.StatusActive: page.KindInfo, sdk.StatusProspect: page.KindInfo}
	return badge(kinds[s], words(s))
}

func deliveryBadge(s atssync.DeliveryState) template.HTML {
	switch s {
	case atssync.DeliveryDelivered:
		return badge(page.KindOK, "delivered")
	case atssync.DeliveryDead:
		return badge(page.KindBad, "given up")
	}
	return badge(page.KindInfo, "pending")
}

// httpCode shows what a server answered.
func httpCode(status int) template.HTML {
	switch {
	case status == 0:
		return badge(page.KindBad, "no answer")
	case status < 300:
		return badge(page.KindOK, strconv.Itoa(status))
	case status == http.StatusTooManyRequests:
		return badge(page.KindWarn, strconv.Itoa(status))
	}
	return badge(page.KindBad, strconv.Itoa(status))
}

// turnWords says whose turn it is.
func turnWords(t sdk.Turn) string {
	switch t {
	case sdk.TurnEmployer:
		return "the employer"
	case sdk.TurnATS:
		return "the ATS"
	case sdk.TurnPlatform:
		return "the platform"
	case sdk.TurnOperator:
		return "the operator (you)"
	case sdk.TurnAdapter:
		return "the adapter’s author"
	}
	return "nobody"
}

// reasonWords says what a held submission waits for.
func reasonWords(r atssync.HeldReason) string {
	switch r {
	case atssync.HeldJobNotLinked:
		return "the job is not connected"
	case atssync.HeldJobNotAccessible:
		return "the ATS’s user has no access to the job"
	case atssync.HeldJobClosed:
		return "the job is closed"
	case atssync.HeldConnectionPaused:
		return "the connection is paused"
	case atssync.HeldAdapterMissing:
		return "the adapter does not run"
	case atssync.HeldResumeUnavailable:
		return "the resume cannot be fetched"
	case atssync.HeldQuota:
		return "the ATS’s quota is used up"
	case atssync.HeldRestored:
		return "restored from a backup"
	case atssync.HeldOperator:
		return "put aside by a person"
	}
	return words(r)
}

// ago says how long ago an instant was, "" for the zero time.
func ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return span(time.Since(t))
}

// span says a duration in its two largest units.
func span(d time.Duration) string {
	d = d.Abs()
	switch {
	case d < time.Second:
		return "less than a second"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("1 day %d h", int(d.Hours())-24)
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}

func milliseconds(d time.Duration) string { return page.Number(d.Milliseconds()) + " ms" }

// say shortens a text for a cell of a table.
func say(text string, most int) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) <= most {
		return string(runes)
	}
	return strings.TrimSpace(string(runes[:most-1])) + "…"
}

// sentence makes a sentence of an error's text.
func sentence(err error) string { return page.Sentence(err.Error()) }

// capital makes the first letter a capital one.
func capital(text string) string { return page.Capital(text) }
