// Package hook takes in what ATSes say by themselves, at /hooks/{connection}/{secret}. It stands between the platform's
// listener and package collect: whoever knows a connection's secret is shown to its adapter, which judges whether the call is
// genuine and says which applications it touches. Those are queued durably, and only then the adapter's answer is given. What
// a call says of an application is never believed: package collect reads it again. Whoever does not know the secret
// learns nothing, not even whether there is such a connection.
package hook
