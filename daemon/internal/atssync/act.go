package atssync

import "slices"

// ActKinds lists the acts.
func ActKinds() []ActKind { return []ActKind{ActHold, ActRelease, ActRetry, ActCancel} }

// On lists the states that an act is for.
func (k ActKind) On() []State {
	switch k {
	case ActHold:
		return []State{StateQueued}
	case ActRelease:
		return []State{StateHeld}
	case ActRetry:
		return []State{StateRefused, StateQueued}
	case ActCancel:
		return []State{StateQueued, StateHeld}
	}
	return nil
}

// Acts lists what a person may do to the submission as it is now.
func (s *Submission) Acts() []ActKind {
	var out []ActKind
	for _, k := range ActKinds() {
		gone := s.Erasure != "" || k == ActRetry && !s.PayloadGoneAt.IsZero()
		if !gone && slices.Contains(k.On(), s.State) {
			out = append(out, k)
		}
	}
	return out
}
