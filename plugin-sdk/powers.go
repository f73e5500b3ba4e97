package sdk

// Implemented lists the powers whose interfaces a implements, in the order of the contract. An adapter
// announces exactly these in its manifest.
func Implemented(a Adapter) []Power {
	var has []Power
	for _, p := range Powers() {
		if implements(a, p) {
			has = append(has, p)
		}
	}
	return has
}

func implements(a Adapter, p Power) bool {
	var ok bool
	switch p {
	case PowerListJobs:
		_, ok = a.(JobLister)
	case PowerSubmit:
		_, ok = a.(Submitter)
	case PowerReadStatuses:
		_, ok = a.(StatusReader)
	case PowerChanges:
		_, ok = a.(ChangeReader)
	case PowerFind:
		_, ok = a.(Finder)
	case PowerHandleWebhook:
		_, ok = a.(WebhookHandler)
	case PowerListPools:
		_, ok = a.(PoolLister)
	case PowerTrackingLink:
		_, ok = a.(TrackingLinker)
	case PowerVocabulary:
		_, ok = a.(VocabularyLister)
	case PowerOAuth:
		_, ok = a.(Authorizer)
	}
	return ok
}
