package kv

// What tests from outside need of the inside.

// Migration is a step to the next format.
type Migration = migration

// Migrations are those that there are.
var Migrations = migrations

// PrepareTo is Prepare with the format and the steps of a test.
var PrepareTo = prepare

// KeyFormat is the key of the format.
func KeyFormat() []byte { return keyFormat() }

// Number is a number as it is stored.
func Number(v []byte) int { return int(number(v)) }

// KeyQuestion is the key of an open question.
func KeyQuestion(connection, id string) []byte { return keyQuestion(connection, id) }
