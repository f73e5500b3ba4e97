// Package torture holds the proofs that need the inside of the daemon. Its model runs the real workers over the real steps
// of the store against an ATS in the same process, kills the daemon at any store step, call of an adapter or moment, and
// judges what is left. A seed is a whole run: scenario, faults and crashes, replayed byte for byte. What can be seen from
// outside, on real processes and disks, is scripts/torture, which runs the model as well.
package torture
