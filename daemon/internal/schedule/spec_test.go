package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func mustParse(t testing.TB, spec, zone string) Spec {
	t.Helper()
	s, err := Parse(spec, zone)
	require.NoError(t, err)
	return s
}

func runs(s Spec, from, until time.Time) []time.Time {
	var at []time.Time
	for t := s.Next(from); !t.IsZero() && !t.After(until); t = s.Next(t) {
		at = append(at, t)
	}
	return at
}

func TestParse_RefusesWhatWouldPanicNeverRunOrRunTooOften(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ spec, zone, want string }{
		{"", "", "empty"},
		{"   ", "", "empty"},
		{"TZ=UTC", "", "time zone does not stand in the cron line"},
		{"CRON_TZ=", "", "time zone does not stand in the cron line"},
		{"TZ=UTC * * * * *", "", "time zone does not stand in the cron line"},
		{" CRON_TZ=UTC 0 0 * * *", "", "time zone does not stand in the cron line"},
		{"0 0 30 2 *", "", "never comes"},
		{", * * * *", "", "never comes"},
		{"0 0 31 2,4,6,9,11 *", "", "never comes"},
		{"@every 0s", "", "takes from 30s"},
		{"@every -1m", "", "takes from 30s"},
		{"@every 100ms", "", "takes from 30s"},
		{"@every 29s", "", "takes from 30s"},
		{"@every 30.5s", "", "whole seconds"},
		{"@every 20000h", "", "takes from 30s"},
		{"@every", "", "not a cron line"},
		{"@every soon", "", "needs a duration"},
		{"@reboot", "", "not a cron line"},
		{"* * * * * *", "", "not a cron line"},
		{"60 * * * *", "", "not a cron line"},
		{"*/0 * * * *", "", "not a cron line"},
		{"5-1 * * * *", "", "not a cron line"},
		{"* * * *", "", "not a cron line"},
		{strings.Repeat("1,", 200) + "1 * * * *", "", "longer than"},
		{"@hourly", "Local", "no time zone"},
		{"@hourly", "Mars/Olympus", "no time zone"},
		{"@hourly", "../../etc/passwd", "no time zone"},
	} {
		_, err := Parse(tc.spec, tc.zone)
		require.ErrorContains(t, err, tc.want, "%q", tc.spec)
	}
}

func TestNext_DefaultsRunWhenTheySay(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 3, 4, 10, 7, 31, 500, time.UTC)
	for spec, want := range map[string]string{
		"@every 1m":      "2026-03-04T10:08:00Z",
		"@every 30s":     "2026-03-04T10:08:00Z",
		"*/15 * * * *":   "2026-03-04T10:15:00Z",
		"@hourly":        "2026-03-04T11:00:00Z",
		"@every 6h":      "2026-03-04T12:00:00Z",
		"17 3 * * *":     "2026-03-05T03:17:00Z",
		"0 9 * * MON":    "2026-03-09T09:00:00Z",
		"0 0 29 2 *":     "2028-02-29T00:00:00Z",
		"  5 4 1 1 *   ": "2027-01-01T04:05:00Z",
	} {
		s := mustParse(t, spec, "")
		require.Equal(t, want, s.Next(from).Format(time.RFC3339), spec)
		require.Equal(t, strings.TrimSpace(spec), s.String())
		require.Equal(t, "UTC", s.Zone())
	}
	require.Zero(t, Spec{}.Next(from))
}

func TestNext_EveryKeepsItsBeatWhereverItIsAskedFrom(t *testing.T) {
	t.Parallel()
	s := mustParse(t, "@every 7m", "")
	want := s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	for before := time.Duration(1); before < 7*time.Minute; before += 13 * time.Second {
		require.Equal(t, want, s.Next(want.Add(-before)))
	}
	require.Equal(t, want.Add(7*time.Minute), s.Next(want))
}

// TestNext_ChangesOfTheClock walks known changes; the wanted runs are written in the zone's own time.
func TestNext_ChangesOfTheClock(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		zone, day, spec string
		want            []string // local time with offset, of that day
	}{
		// New York: 02:00 → 03:00 on 2027-03-14, 02:00 → 01:00 on 2026-11-01.
		{"America/New_York", "2027-03-14", "30 2 * * *", []string{"03:00 -0400"}},
		{"America/New_York", "2027-03-14", "0 2 * * *", []string{"03:00 -0400"}},
		{"America/New_York", "2027-03-14", "0,30 2,3 * * *", []string{"03:00 -0400", "03:30 -0400"}},
		{"America/New_York", "2027-03-14", "*/20 2 * * *", []string{"03:00 -0400"}},
		{"America/New_York", "2027-03-14", "30 1,4 * * *", []string{"01:30 -0500", "04:30 -0400"}},
		{"America/New_York", "2027-03-14", "15 * * * *", hours("15", "-0500", 0, 1, "-0400", 3, 23)},
		{"America/New_York", "2026-11-01", "30 1 * * *", []string{"01:30 -0400"}},
		{"America/New_York", "2026-11-01", "*/30 0-3 * * *", []string{
			"00:00 -0400", "00:30 -0400", "01:00 -0400", "01:30 -0400", "02:00 -0500", "02:30 -0500", "03:00 -0500", "03:30 -0500",
		}},
		{"America/New_York", "2026-11-01", "0 * * * *", hours("00", "-0400", 0, 1, "-0500", 1, 23)},
		{"America/New_York", "2026-11-01", "@daily", []string{"00:00 -0400"}},
		// São Paulo had no midnight on 2018-11-04.
		{"America/Sao_Paulo", "2018-11-04", "0 0 * * *", []string{"01:00 -0200"}},
		{"America/Sao_Paulo", "2018-11-04", "@daily", []string{"01:00 -0200"}},
		// Lord Howe moves by half an hour.
		{"Australia/Lord_Howe", "2026-10-04", "15 2 * * *", []string{"02:30 +1100"}},
		{"Australia/Lord_Howe", "2026-04-05", "45 1 * * *", []string{"01:45 +1100"}},
		// Samoa went without 2011-12-30.
		{"Pacific/Apia", "2011-12-31", "0 12 30 * *", []string{"00:00 +1400"}},
		{"Pacific/Apia", "2011-12-31", "0 6 * * *", []string{"00:00 +1400", "06:00 +1400"}},
		// No changes at all.
		{"Asia/Kolkata", "2026-06-01", "30 2 * * *", []string{"02:30 +0530"}},
	} {
		t.Run(fmt.Sprint(tc.zone, " ", tc.day, " ", tc.spec), func(t *testing.T) {
			t.Parallel()
			s := mustParse(t, tc.spec, tc.zone)
			loc, err := time.LoadLocation(tc.zone)
			require.NoError(t, err)
			midnight, err := time.ParseInLocation("2006-01-02", tc.day, loc)
			require.NoError(t, err)

			var got []string
			for _, at := range runs(s, midnight.Add(-time.Hour), midnight.Add(30*time.Hour)) {
				if local := at.In(loc); local.Format("2006-01-02") == tc.day {
					got = append(got, local.Format("15:04 -0700"))
				}
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// hours lists the runs of an hourly line on a day on which the offset changes.
func hours(minute, before string, from, to int, after string, from2, to2 int) []string {
	var list []string
	for h := from; h <= to; h++ {
		list = append(list, fmt.Sprintf("%02d:%s %s", h, minute, before))
	}
	for h := from2; h <= to2; h++ {
		list = append(list, fmt.Sprintf("%02d:%s %s", h, minute, after))
	}
	return list
}

var zones = []string{
	"UTC", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Anchorage", "America/Halifax",
	"America/St_Johns", "America/Sao_Paulo", "America/Asuncion", "America/Santiago", "America/Havana", "America/Mexico_City",
	"Europe/London", "Europe/Dublin", "Europe/Berlin", "Europe/Lisbon", "Europe/Athens", "Europe/Chisinau", "Europe/Istanbul",
	"Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Asia/Gaza", "Asia/Jerusalem", "Asia/Tehran", "Asia/Kolkata", "Asia/Kathmandu",
	"Australia/Sydney", "Australia/Lord_Howe", "Australia/Adelaide", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia", "Antarctica/Troll",
}

// TestNext_EveryChangeOfThirtyZones holds the two promises over all changes of eleven years: what a day names runs
// once on that day, also where its hour is skipped or repeated, and a quarter-hourly line never rests.
func TestNext_EveryChangeOfThirtyZones(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, len(zones), 30)
	for _, zone := range zones {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			loc, err := time.LoadLocation(zone)
			require.NoError(t, err)
			begin := time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)
			changes := 0
			for _, change := begin.In(loc).ZoneBounds(); !change.IsZero() && change.Year() < 2028; _, change = change.ZoneBounds() {
				changes++
				requireOnceADay(t, zone, change)
				requireNoRest(t, zone, change)
			}
			if zone == "Europe/Berlin" {
				require.Equal(t, 22, changes)
			}
		})
	}
}

func requireOnceADay(t *testing.T, zone string, change time.Time) {
	t.Helper()
	loc := change.Location()
	for minute := 0; minute < 4*60; minute += 10 {
		local := change.Add(-2 * time.Hour)
		at := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), 0, 0, 0, time.UTC).Add(time.Duration(minute) * time.Minute)
		s := mustParse(t, fmt.Sprintf("%d %d * * *", at.Minute(), at.Hour()), zone)
		from := time.Date(at.Year(), at.Month(), at.Day()-2, 12, 0, 0, 0, loc)
		until := time.Date(at.Year(), at.Month(), at.Day()+2, 12, 0, 0, 0, loc)
		got := runs(s, from, until)
		require.Len(t, got, 4, "%s %s around %s: %v", zone, s, change, got)
		for i := 1; i < len(got); i++ {
			require.True(t, got[i].After(got[i-1]))
		}
	}
}

func requireNoRest(t *testing.T, zone string, change time.Time) {
	t.Helper()
	s := mustParse(t, "*/15 * * * *", zone)
	at := change.Add(-3 * time.Hour).UTC()
	for at.Before(change.Add(3 * time.Hour)) {
		next := s.Next(at)
		require.LessOrEqual(t, next.Sub(at), 15*time.Minute, "%s rests at %s", zone, at)
		require.True(t, next.After(at))
		at = next
	}
}

func TestPhase_SpreadsEvenlyAndStaysPut(t *testing.T) {
	t.Parallel()
	const n, buckets = 10_000, 20
	var counts [buckets]int
	for i := range n {
		p := Phase(fmt.Sprintf("con_%05d", i), time.Hour)
		require.True(t, p >= 0 && p < time.Hour)
		counts[p*buckets/time.Hour]++
	}
	for _, c := range counts {
		require.InDelta(t, n/buckets, c, n/buckets/5)
	}
	require.Equal(t, Phase("a", time.Hour), Phase("a", time.Hour))
	require.Zero(t, Phase("a", 0))
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"*/15 * * * *", "@hourly", "@every 1m", "TZ=UTC", "CRON_TZ= 1", "0 0 30 2 *", ",,, * * * *", "? ? L W #", "0-59/61 1/2 * JAN SUN"} {
		f.Add(s, "Europe/Berlin", int64(1_700_000_000))
	}
	f.Fuzz(func(t *testing.T, spec, zone string, at int64) {
		s, err := Parse(spec, zone)
		if err != nil {
			require.Zero(t, s)
			return
		}
		from := time.Unix(at%(1<<33), 0)
		for range 3 {
			next := s.Next(from)
			if next.IsZero() {
				return
			}
			require.True(t, next.After(from), "%s after %s", next, from)
			from = next
		}
	})
}
