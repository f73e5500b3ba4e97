// Package console is the pages for those who run the daemon: what does not work and whose turn it is, every connection and
// application with what became of it, and the acts that a person may do. It stands where package api stands, behind the
// platform's listener and before package manage: it asks the same functions as the API, with the same tokens and the same
// bounds of what each of them sees, and decides nothing itself.
//
// One file is one page. Pages are read by GET and nothing changes; every act is a form that is sent by POST, and the audit
// record says who did it.
package console
