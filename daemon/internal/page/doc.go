// Package page is what every page that the daemon writes for people has in common: the frame with its landmarks, the style sheet
// and its components, the headers that keep a page to itself, the guard of its forms, messages after an act, and the page for
// what went wrong. It stands between the listener and the rooms that have pages, which bring their own templates and data and
// decide everything.
//
// Pages are written on the server, work without a script, load nothing from elsewhere and say nothing to anybody else.
// A template gets a View as its dot and defines "main"; see parts/ for the components that it can use.
package page
