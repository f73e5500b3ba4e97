package wire

import (
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func describeReplyToWire(m *sdk.Manifest) *DescribeReply {
	return &DescribeReply{Manifest: &Manifest{
		Name: textToWire(m.Name), Label: textToWire(m.Label), Version: textToWire(m.Version),
		ContractMin: intToWire(m.ContractMin), ContractMax: intToWire(m.ContractMax),
		Powers:                  wordsToWire(m.Powers),
		Fields:                  listToWire(m.Fields, fieldToWire),
		Steps:                   textsToWire(m.Steps),
		Limits:                  listToWire(m.Limits, limitToWire),
		Batch:                   &Batch{Submit: intToWire(m.Batch.Submit), ReadStatuses: intToWire(m.Batch.ReadStatuses)},
		InFlight:                powersToWire(m.InFlight),
		Cost:                    powersToWire(m.Cost),
		Find:                    textToWire(string(m.Find)),
		Dedupe:                  textToWire(string(m.Dedupe)),
		Deletes:                 textToWire(string(m.Deletes)),
		Note:                    &NoteRule{Format: textToWire(string(m.Note.Format)), Max: intToWire(m.Note.Max)},
		Resume:                  resumeRuleToWire(&m.Resume),
		Prospects:               m.Prospects,
		RefusedBeforeProcessing: numbersToWire(m.RefusedBeforeProcessing),
		Statuses:                listToWire(m.Statuses, statusRuleToWire),
		JobsListOnlyOpen:        m.JobsListOnlyOpen,
		MissingCauses:           textsToWire(m.MissingCauses),
		ReadPermission:          textToWire(m.ReadPermission),
		ProfileUrl:              textToWire(m.ProfileURL),
	}}
}

// describeReplyFromWire reads the manifest leniently where a newer adapter may know more words than this
// host (such a power is left out, such a word becomes the most careful one) and leaves the judgement of
// the rest to Manifest.Validate.
func describeReplyFromWire(w *Manifest) sdk.Manifest {
	if w == nil {
		return sdk.Manifest{}
	}
	m := sdk.Manifest{
		Name: w.Name, Label: w.Label, Version: w.Version,
		ContractMin: int(w.ContractMin), ContractMax: int(w.ContractMax),
		Fields:                  listFromWire(w.Fields, fieldFromWire),
		Steps:                   w.Steps,
		Limits:                  listFromWire(w.Limits, limitFromWire),
		Batch:                   sdk.Batch{Submit: int(w.Batch.GetSubmit()), ReadStatuses: int(w.Batch.GetReadStatuses())},
		InFlight:                powersFromWire(w.InFlight),
		Cost:                    powersFromWire(w.Cost),
		Find:                    known(w.Find, []sdk.Find{sdk.FindNone, sdk.FindExternalID, sdk.FindEmailAndJob}, sdk.FindNone),
		Dedupe:                  known(w.Dedupe, []sdk.Dedupe{sdk.DedupeNone, sdk.DedupeExternalID}, sdk.DedupeNone),
		Deletes:                 known(w.Deletes, []sdk.Deletes{sdk.DeletesHidden, sdk.DeletesVisible}, sdk.DeletesHidden),
		Note:                    noteRuleFromWire(w.Note),
		Resume:                  resumeRuleFromWire(w.Resume),
		Prospects:               w.Prospects,
		RefusedBeforeProcessing: numbersFromWire(w.RefusedBeforeProcessing),
		Statuses:                listFromWire(w.Statuses, statusRuleFromWire),
		JobsListOnlyOpen:        w.JobsListOnlyOpen,
		MissingCauses:           w.MissingCauses,
		ReadPermission:          w.ReadPermission,
		ProfileURL:              w.ProfileUrl,
	}
	for _, p := range w.Powers {
		if k := known(p, sdk.Powers(), ""); k != "" {
			m.Powers = append(m.Powers, k)
		}
	}
	return m
}

func powersToWire(in map[sdk.Power]int) map[string]int32 {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]int32, len(in))
	for p, n := range in {
		out[textToWire(string(p))] = intToWire(n)
	}
	return out
}

func powersFromWire(in map[string]int32) map[sdk.Power]int {
	if len(in) == 0 {
		return nil
	}
	out := make(map[sdk.Power]int, len(in))
	for p, n := range in {
		if k := known(p, sdk.Powers(), ""); k != "" {
			out[k] = int(n)
		}
	}
	return out
}

func fieldToWire(w *Field, f *sdk.Field) {
	w.Name, w.Label, w.Secret, w.Required = textToWire(f.Name), textToWire(f.Label), f.Secret, f.Required
	w.Default, w.Help, w.Where = textToWire(f.Default), textToWire(f.Help), textToWire(f.Where)
	w.Who, w.ActingUser = textToWire(string(f.Who)), f.ActingUser
}

// fieldFromWire gives a field of an unknown party to the operator: what is the operator's is never asked
// on a page that an employer sees.
func fieldFromWire(f *sdk.Field, w *Field) {
	f.Name, f.Label, f.Secret, f.Required = w.Name, w.Label, w.Secret, w.Required
	f.Default, f.Help, f.Where = w.Default, w.Help, w.Where
	f.Who, f.ActingUser = known(w.Who, []sdk.Who{sdk.WhoEmployer, sdk.WhoOperator}, sdk.WhoOperator), w.ActingUser
}

func limitToWire(w *Limit, l *sdk.Limit) {
	w.Scope, w.Requests, w.Per, w.Burst = textToWire(l.Scope), intToWire(l.Requests), durationToWire(l.Per), intToWire(l.Burst)
}

func limitFromWire(l *sdk.Limit, w *Limit) {
	l.Scope, l.Requests, l.Per, l.Burst = w.Scope, int(w.Requests), durationFromWire(w.Per), int(w.Burst)
}

func noteRuleFromWire(w *NoteRule) sdk.NoteRule {
	formats := []sdk.NoteFormat{sdk.NoteNone, sdk.NotePlain, sdk.NoteHTML}
	return sdk.NoteRule{Format: known(w.GetFormat(), formats, sdk.NoteNone), Max: int(w.GetMax())}
}

func resumeRuleToWire(r *sdk.ResumeRule) *ResumeRule {
	return &ResumeRule{Types: textsToWire(r.Types), MaxBytes: r.MaxBytes, ParsedBytes: r.ParsedBytes}
}

func resumeRuleFromWire(w *ResumeRule) sdk.ResumeRule {
	return sdk.ResumeRule{Types: w.GetTypes(), MaxBytes: w.GetMaxBytes(), ParsedBytes: w.GetParsedBytes()}
}

func statusRuleToWire(w *StatusRule, r *sdk.StatusRule) {
	w.RawStatus, w.RawStageType = textToWire(r.RawStatus), textToWire(r.RawStageType)
	w.RawStageName, w.RawReasonType = textToWire(r.RawStageName), textToWire(r.RawReasonType)
	w.Prospect = r.Prospect
	w.Status, w.Phase, w.Native = textToWire(string(r.Status)), textToWire(string(r.Phase)), r.Native
}

func statusRuleFromWire(r *sdk.StatusRule, w *StatusRule) {
	r.RawStatus, r.RawStageType = w.RawStatus, w.RawStageType
	r.RawStageName, r.RawReasonType = w.RawStageName, w.RawReasonType
	r.Prospect = w.Prospect
	r.Status = known(w.Status, sdk.Statuses(), sdk.StatusUnknown)
	r.Phase = known(w.Phase, sdk.Phases(), sdk.PhaseUnknown)
	r.Native = w.Native
}
