package atssync

import (
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// MapStanding turns raw words into ours: the connection's override, the adapter's table, keywords in the
// stage name, and else "unknown" with the last word kept where there was one. The phase is kept when the
// status turns terminal.
func MapStanding(r Rules, rd sdk.Reading, was Standing) Standing {
	next := Standing{
		Status: was.Status, Phase: was.Phase, Mapping: MappingNone,
		Raw: RawWords{
			Status: rd.Raw.Status, StageID: rd.Raw.StageID, StageName: rd.Raw.StageName,
			Reason: rd.Raw.Reason, ReasonID: rd.Raw.ReasonID,
		},
		ChangedAt: instant(rd.ChangedAt), NotBefore: instant(rd.NotBefore),
	}
	status, phase, how := words(r, rd)
	if status == "" {
		next.Status = sdk.StatusUnknown
	} else {
		next.Status, next.Mapping = status, how
	}
	switch {
	case next.Status == sdk.StatusHired:
		next.Phase = sdk.PhaseHired
	case next.Status.Terminal() || next.Status == sdk.StatusUnknown:
		next.Phase = was.Phase // kept
	case phase != "":
		next.Phase = phase
	case next.Raw.StageName != "" && next.Raw.StageName != was.Raw.StageName:
		next.Phase = sdk.PhaseUnknown
	case was.Phase == sdk.PhaseHired: // reopened without a stage
		next.Phase = sdk.PhaseUnknown
	}
	if next.Status == sdk.StatusProspect && phase == "" {
		next.Phase = sdk.PhaseSourced
	}
	return next
}

// instant is a time as a record keeps it, so that standings compare by what they say and not by the zone or
// the process that said it.
func instant(t time.Time) time.Time { return t.UTC().Round(0) }

// words finds status and phase by the first source that gives each; how tells the weakest of the two.
func words(r Rules, rd sdk.Reading) (status sdk.Status, phase sdk.Phase, how Mapping) {
	how = MappingNative
	for _, o := range r.Overrides {
		if o.matches(rd) {
			status, phase = o.Status, o.Phase
			how = MappingOverride
			break
		}
	}
	for _, rule := range r.Table {
		if status != "" && phase != "" {
			break
		}
		if !ruleMatches(rule, rd) {
			continue
		}
		used := false
		if status == "" && rule.Status != "" {
			status, used = rule.Status, true
		}
		if phase == "" && rule.Phase != "" {
			phase, used = rule.Phase, true
		}
		if used && !rule.Native && how == MappingNative {
			how = MappingDeclared
		}
	}
	if phase == "" && !status.Terminal() && rd.Raw.StageName != "" {
		if phase = inferPhase(rd.Raw.StageName); phase != "" {
			how = MappingInferred
		}
	}
	return status, phase, how
}

func eq(want, got string) bool { return want == "" || strings.EqualFold(want, strings.TrimSpace(got)) }

func (o StatusOverride) matches(rd sdk.Reading) bool {
	return eq(o.RawStatus, rd.Raw.Status) && eq(o.StageID, rd.Raw.StageID) && eq(o.StageName, rd.Raw.StageName) &&
		eq(o.ReasonID, rd.Raw.ReasonID) && eq(o.Reason, rd.Raw.Reason)
}

func ruleMatches(rule sdk.StatusRule, rd sdk.Reading) bool {
	if rule.Prospect != nil && (rd.Prospect == nil || *rd.Prospect != *rule.Prospect) {
		return false
	}
	return eq(rule.RawStatus, rd.Raw.Status) && eq(rule.RawStageType, rd.Raw.StageType) &&
		eq(rule.RawStageName, rd.Raw.StageName) && eq(rule.RawReasonType, rd.Raw.ReasonType)
}

// phaseWords are looked for in stage names, the first line that matches wins. Checks, offer and hired are
// never inferred: nobody is told of an offer because a stage has the word in its name.
var phaseWords = []struct {
	phase sdk.Phase
	words []string
}{
	{sdk.PhaseAssessment, []string{"assessment", "take home", "take-home", "coding test", "case study", "work sample", "exercise", "test"}},
	{sdk.PhaseScreen, []string{"phone screen", "phone interview", "recruiter screen", "screening", "screen", "intro call", "recruiter call"}},
	{sdk.PhaseInterview, []string{"interview", "onsite", "on-site", "face to face", "panel", "final round", "superday"}},
	{sdk.PhaseReview, []string{"review", "shortlist", "short list", "evaluation"}},
	{sdk.PhaseApplied, []string{"application received", "new applicant", "applied", "inbox", "new"}},
	{sdk.PhaseSourced, []string{"sourced", "lead", "not contacted", "contacted"}},
}

// neverInferred marks stage names that speak of what may not be inferred.
var neverInferred = []string{"offer", "background", "reference", "check", "hired", "contract", "onboard"}

func inferPhase(stage string) sdk.Phase {
	s := " " + strings.ToLower(strings.TrimSpace(stage)) + " "
	for _, w := range neverInferred {
		if strings.Contains(s, w) {
			return ""
		}
	}
	for _, p := range phaseWords {
		for _, w := range p.words {
			if containsWord(s, w) {
				return p.phase
			}
		}
	}
	return ""
}

// containsWord finds w at word borders, so that "test" is not found in "latest".
func containsWord(s, w string) bool {
	for rest := s; ; {
		i := strings.Index(rest, w)
		if i < 0 {
			return false
		}
		end := i + len(w)
		if !letter(rest[i-1]) && (!letter(rest[end]) || rest[end] == 's' && !letter(rest[end+1])) {
			return true
		}
		rest = " " + rest[end:]
	}
}

func letter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 0x80 }
