package torture

import (
	"context"
	"time"
)

// The clock of a bubble only runs. Where the clock on the wall is set, the lanes are worked by a loop like the worker's
// own, which gives Tick the time on that wall.

// jumpsTo are the ways in which the clock is set: by so much, or to a year.
var jumpsTo = []struct {
	by   time.Duration
	year int
}{
	{by: time.Second},
	{by: -time.Second},
	{by: time.Hour},
	{by: -time.Hour},
	{by: 24 * time.Hour},
	{by: -24 * time.Hour},
	{year: 1970},
	{year: 2106},
	{year: 2000},
}

// now is the time on the wall.
func (m *model) now() time.Time {
	return time.Now().Round(0).Add(time.Duration(m.skew.Load())).UTC()
}

// look remembers the latest that the clock ever said.
func (m *model) look() {
	if now := m.now(); now.After(m.late) {
		m.late = now
	}
}

// setClock sets the clock, in the runs that are about it.
func (m *model) setClock() {
	if !m.jumps {
		return
	}
	m.look()
	j := jumpsTo[m.dice.IntN(len(jumpsTo))]
	skew := time.Duration(m.skew.Load()) + j.by
	if j.year != 0 {
		skew = time.Date(j.year, 7, 1, 12, 0, 0, 0, time.UTC).Sub(time.Now().Round(0))
	}
	m.skew.Store(int64(skew))
	m.trace("the clock says %s", m.now().Format(time.RFC3339))
}

// lane works one connection.
type lane struct {
	d          *daemon
	connection string
	woken      chan struct{}
}

func (d *daemon) lane(connection string) *lane {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[connection]
	if l == nil {
		l = &lane{d: d, connection: connection, woken: make(chan struct{}, 1)}
		d.lanes[connection] = l
		d.wg.Go(l.run)
	}
	return l
}

func (l *lane) poke() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

func (l *lane) run() {
	for !l.d.quits() {
		l.d.store.take("tick", l.connection)
		at, more, err := l.d.submit.Tick(context.Background(), l.connection, l.d.m.now())
		wait := time.Hour
		switch {
		case l.d.engine.dead.Load():
			return
		case err != nil:
			wait = 5 * time.Second
		case more:
			continue
		case !at.IsZero():
			wait = max(at.Sub(l.d.m.now()), time.Millisecond) // measured when it was said: setting the clock later changes nothing
		}
		timer := time.NewTimer(wait)
		select {
		case <-l.d.quit:
			timer.Stop()
			return
		case <-timer.C:
		case <-l.woken:
		}
		timer.Stop()
	}
}

func (d *daemon) quits() bool {
	select {
	case <-d.quit:
		return true
	default:
		return false
	}
}
