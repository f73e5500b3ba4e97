package main

import (
	"bytes"
	"encoding/json"
)

// board is a dashboard: what is peculiar to it.
type board struct {
	uid, title, about string
	variables         []variable
	links             []link
	rows              []row
}

// row is panels under a heading.
type row struct {
	title  string
	panels []panel
}

// panel shows the answers of some queries.
type panel struct {
	title, about string
	kind         string   // timeseries or stat
	unit         string   // as Grafana calls it: s, bytes, percentunit, short, ops, dateTimeFromNow
	width        int      // of 24
	least        string   // the lowest value of the axis; "" is Grafana's choice
	red          *float64 // from this value on; nil: never
	queries      []query
}

// query is one expression, and how its series are called.
type query struct{ expr, legend string }

// variable is something that the reader chooses.
type variable struct {
	name, label, query string
	all                bool
}

// link leads to another dashboard.
type link struct{ title, uid string }

const (
	version    = 39 // of the schema; Grafana 10 and newer read it
	wide       = 24
	tall       = 8
	low        = 4
	datasource = "${datasource}"
)

type object = map[string]any

func source() object { return object{"type": "prometheus", "uid": datasource} }

// encode returns the dashboard as Grafana imports it, the same each time.
func (b board) encode() ([]byte, error) {
	list := []object{{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": object{}, "hide": 0}}
	for _, v := range b.variables {
		list = append(list, v.object())
	}
	links := make([]object, 0, len(b.links))
	for _, l := range b.links {
		links = append(links, object{
			"title": l.title, "type": "link", "url": "/d/" + l.uid, "keepTime": true, "includeVars": true, "targetBlank": false, "icon": "dashboard",
		})
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(object{
		"uid": b.uid, "title": b.title, "description": b.about, "tags": []string{"atssync"}, "schemaVersion": version, "editable": true,
		"timezone": "utc", "refresh": "30s", "time": object{"from": "now-6h", "to": "now"}, "templating": object{"list": list},
		"links": links, "panels": b.panels(),
	})
	return text.Bytes(), err
}

func (v variable) object() object {
	o := object{
		"name": v.name, "label": v.label, "type": "query", "datasource": source(), "refresh": 2, "sort": 1, "hide": 0,
		"query": object{"query": v.query, "refId": v.name}, "definition": v.query, "multi": v.all, "includeAll": v.all,
	}
	if v.all {
		o["current"] = object{"text": "All", "value": "$__all"}
	}
	return o
}

// panels places the panels of each row beside each other, and in the next line where there is no room.
func (b board) panels() []object {
	var out []object
	id, y := 0, 0
	next := func() int { id++; return id }
	for _, r := range b.rows {
		out = append(out, object{
			"id": next(), "type": "row", "title": r.title, "collapsed": false, "panels": []any{},
			"gridPos": object{"h": 1, "w": wide, "x": 0, "y": y},
		})
		y++
		x, h := 0, 0
		for _, p := range r.panels {
			if x+p.width > wide {
				x, y, h = 0, y+h, 0
			}
			o := p.object()
			o["id"], o["gridPos"] = next(), object{"h": p.height(), "w": p.width, "x": x, "y": y}
			out = append(out, o)
			x, h = x+p.width, max(h, p.height())
		}
		y += h
	}
	return out
}

func (p panel) height() int {
	if p.kind == "stat" {
		return low
	}
	return tall
}

func (p panel) object() object {
	targets := make([]object, 0, len(p.queries))
	for i, q := range p.queries {
		targets = append(targets, object{
			"refId": string(rune('A' + i)), "datasource": source(), "expr": q.expr, "legendFormat": q.legend, "instant": p.kind == "stat", "range": p.kind != "stat",
		})
	}
	steps := []object{{"color": "green", "value": nil}}
	if p.red != nil {
		steps = append(steps, object{"color": "red", "value": *p.red})
	}
	defaults := object{"unit": p.unit, "thresholds": object{"mode": "absolute", "steps": steps}}
	if p.least != "" {
		defaults["min"] = json.Number(p.least)
	}
	options := object{"legend": object{"displayMode": "list", "placement": "bottom", "showLegend": true}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	if p.kind == "stat" {
		options = object{
			"reduceOptions": object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}, "colorMode": "background", "graphMode": "none",
			"justifyMode": "auto", "orientation": "auto", "textMode": "auto",
		}
	}
	return object{
		"type": p.kind, "title": p.title, "description": p.about, "datasource": source(), "targets": targets,
		"fieldConfig": object{"defaults": defaults, "overrides": []any{}}, "options": options,
	}
}

// stat is a number, red from a value on.
func stat(title, about, unit string, red *float64, expr string) panel {
	return panel{title: title, about: about, kind: "stat", unit: unit, width: 4, red: red, queries: []query{{expr, ""}}}
}

// graph is lines over time, on a third of the width.
func graph(title, about, unit string, queries ...query) panel {
	return panel{title: title, about: about, kind: "timeseries", unit: unit, width: 8, least: "0", queries: queries}
}
