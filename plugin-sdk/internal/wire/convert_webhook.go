package wire

import (
	"net/http"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

func webhookRequestToWire(r *sdk.WebhookRequest) *HandleWebhookRequest {
	return &HandleWebhookRequest{
		Connection: connectionToWire(&r.Connection), Method: textToWire(r.Method), Header: headerToWire(r.Header),
		Query: textToWire(r.Query), Body: r.Body,
	}
}

func webhookRequestFromWire(w *HandleWebhookRequest) sdk.WebhookRequest {
	return sdk.WebhookRequest{
		Connection: connectionFromWire(w.Connection), Method: w.Method, Header: headerFromWire(w.Header),
		Query: w.Query, Body: bytesFromWire(w.Body),
	}
}

func webhookReplyToWire(r *sdk.WebhookReply) *HandleWebhookReply {
	return &HandleWebhookReply{
		Meta: metaToWire(&r.Meta), Status: intToWire(r.Status), Header: headerToWire(r.Header), Body: r.Body,
		Touched: listToWire(r.Touched, touchedToWire), EventId: textToWire(r.EventID),
	}
}

func webhookReplyFromWire(w *HandleWebhookReply) (sdk.WebhookReply, error) {
	var b bounds
	if w.Status < 200 || w.Status > 599 {
		return sdk.WebhookReply{}, breach("the webhook status %d", w.Status)
	}
	b.count("header", len(w.Header), 100)
	b.count("body", len(w.Body), 64<<10)
	b.count("touched", len(w.Touched), maxItems)
	b.id("event_id", w.EventId)
	for _, t := range w.Touched {
		b.id("touched[].candidate_id", t.CandidateId)
		b.id("touched[].application_id", t.ApplicationId)
		b.id("touched[].external_id", t.ExternalId)
		b.receipt("touched[].receipt", t.Receipt)
	}
	if b.err != nil {
		return sdk.WebhookReply{}, b.err
	}
	return sdk.WebhookReply{
		Meta: metaFromWire(w.Meta), Status: int(w.Status), Header: headerFromWire(w.Header), Body: bytesFromWire(w.Body),
		Touched: listFromWire(w.Touched, touchedFromWire), EventID: w.EventId,
	}, nil
}

func touchedToWire(w *Touched, t *sdk.Touched) {
	w.CandidateId, w.ApplicationId = textToWire(t.CandidateID), textToWire(t.ApplicationID)
	w.ExternalId = textToWire(t.ExternalID)
	if t.Receipt != nil {
		w.Receipt = receiptToWire(t.Receipt)
	}
}

func touchedFromWire(t *sdk.Touched, w *Touched) {
	t.CandidateID, t.ApplicationID, t.ExternalID = w.CandidateId, w.ApplicationId, w.ExternalId
	if w.Receipt != nil {
		t.Receipt = &sdk.Receipt{}
		receiptFromWire(t.Receipt, w.Receipt)
	}
}

func headerToWire(h http.Header) []*Header {
	if len(h) == 0 {
		return nil
	}
	out := make([]*Header, 0, len(h))
	for name, values := range h {
		out = append(out, &Header{Name: textToWire(name), Values: textsToWire(values)})
	}
	return out
}

func headerFromWire(in []*Header) http.Header {
	if len(in) == 0 {
		return nil
	}
	h := make(http.Header, len(in))
	for _, w := range in {
		h[w.Name] = append(h[w.Name], w.Values...)
	}
	return h
}

func beginAuthRequestToWire(r *sdk.BeginAuthRequest) *BeginAuthRequest {
	return &BeginAuthRequest{
		Connection: connectionToWire(&r.Connection), RedirectUrl: textToWire(r.RedirectURL), State: textToWire(r.State),
	}
}

func beginAuthRequestFromWire(w *BeginAuthRequest) sdk.BeginAuthRequest {
	return sdk.BeginAuthRequest{
		Connection: connectionFromWire(w.Connection), RedirectURL: w.RedirectUrl, State: w.State,
	}
}

func beginAuthReplyToWire(r *sdk.BeginAuthReply) *BeginAuthReply {
	return &BeginAuthReply{Meta: metaToWire(&r.Meta), Url: textToWire(r.URL)}
}

func beginAuthReplyFromWire(w *BeginAuthReply) (sdk.BeginAuthReply, error) {
	var b bounds
	b.token("url", w.Url)
	if b.err != nil {
		return sdk.BeginAuthReply{}, b.err
	}
	return sdk.BeginAuthReply{Meta: metaFromWire(w.Meta), URL: w.Url}, nil
}

func completeAuthRequestToWire(r *sdk.CompleteAuthRequest) *CompleteAuthRequest {
	return &CompleteAuthRequest{
		Connection: connectionToWire(&r.Connection), RedirectUrl: textToWire(r.RedirectURL), Query: textToWire(r.Query),
	}
}

func completeAuthRequestFromWire(w *CompleteAuthRequest) sdk.CompleteAuthRequest {
	return sdk.CompleteAuthRequest{
		Connection: connectionFromWire(w.Connection), RedirectURL: w.RedirectUrl, Query: w.Query,
	}
}

func refreshAuthRequestToWire(r *sdk.RefreshAuthRequest) *RefreshAuthRequest {
	return &RefreshAuthRequest{
		Connection: connectionToWire(&r.Connection), RefreshToken: textToWire(r.RefreshToken.Reveal()),
	}
}

func refreshAuthRequestFromWire(w *RefreshAuthRequest) sdk.RefreshAuthRequest {
	return sdk.RefreshAuthRequest{
		Connection: connectionFromWire(w.Connection), RefreshToken: sdk.Secret(w.RefreshToken),
	}
}

func tokensToWire(r *sdk.TokensReply) *Tokens {
	return &Tokens{
		AccessToken: textToWire(r.AccessToken.Reveal()), RefreshToken: textToWire(r.RefreshToken.Reveal()),
		ExpiresAt: timeToWire(r.ExpiresAt),
	}
}

func tokensReplyFromWire(meta *Meta, w *Tokens) (sdk.TokensReply, error) {
	var b bounds
	b.count("tokens.access_token", len(w.GetAccessToken()), 64<<10)
	b.count("tokens.refresh_token", len(w.GetRefreshToken()), 64<<10)
	if w.GetAccessToken() == "" {
		b.fail("no access token")
	}
	if b.err != nil {
		return sdk.TokensReply{}, b.err
	}
	return sdk.TokensReply{
		Meta:        metaFromWire(meta),
		AccessToken: sdk.Secret(w.AccessToken), RefreshToken: sdk.Secret(w.RefreshToken),
		ExpiresAt: timeFromWire(w.ExpiresAt),
	}, nil
}
