package page

// Kind is how good or bad something is: the colour and the sign of a badge or message. Every kind has words beside it, so
// that nobody has to see colours.
type Kind string

// The kinds.
const (
	KindOK   Kind = "ok"   // works, done
	KindInfo Kind = "info" // good to know, under way
	KindWarn Kind = "warn" // somebody should look
	KindBad  Kind = "bad"  // does not work, refused
	KindIdle Kind = "idle" // nothing to say, ended
)
